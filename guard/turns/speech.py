"""What is said in one turn: the chatbot's reply as it is let go, and what is said in its place or beside it."""

from __future__ import annotations

import asyncio
from typing import Final

from guard.turns.contract import Ending, Message, Passage, Reply, Verdict, VerdictKind
from guard.turns.conversation import follow, read, together
from guard.turns.evidence import of_passage, of_whole
from guard.turns.judgement import DISCLOSED, Judgement
from guard.turns.questions import asked
from guard.turns.session import Spoken
from policies.completions.contract import Composition
from policies.decision import Action, Decision, Moment

__all__ = ["Speech"]

_REFUSES: Final = 0.5
_UNANSWERED: Final = "ccs/distress"
_WITHHELD: Final = "ccs/withheld"
_WITHHELD_UNDER_RISK: Final = "ccs/harmful-reply"
_NO_SCORE: Final = 0.0
_SHOWN: Final = ("content", "refusal")  # where a chatbot's words to the person stand
_READ: Final = (*_SHOWN, "structured")  # where words stand that the person gets, if only through a program
_CALLS: Final = ("tool_calls", "function_call")


class Speech:
    """The words of one turn's reply. ``text``: what the person reads of it, as far as it is known; ``given``: what the
    chatbot gave."""

    def __init__(self, judgement: Judgement) -> None:
        self._judgement = judgement
        self._tally = judgement.tally
        self._room = judgement.room
        self.text = ""
        self.given = ""
        self._alone = judgement.request.channels == 1  # else an offset does not say in which choice
        self._opening: Composition | None = None
        self._completions: dict[str, str] = {}  # template -> what is said in the reply's place
        self._passages: dict[int, list[bool]] = {}  # of each choice's content: whether it was withheld
        self._trimmed: Decision | None = None
        self._ours: set[int] = set()  # choices that end in a completion
        self._added: dict[int, Composition] = {}  # of each choice: what was added to it

    # ---- in the reply's place

    def open(self) -> str | None:
        """What takes the place of the reply by the user's side alone, ``None`` where the chatbot may answer."""
        decision = self._judgement.decision
        if decision.action is Action.COMPLETE and decision.template is not None:
            self._open(decision.template, decision)
        return self._opening.text if self._opening is not None else None

    def rescue(self) -> str | None:
        """What is said where the chatbot cannot answer at all: nobody in distress is left with an error."""
        if self._opening is None:
            if self._tally.severity < DISCLOSED and not self._judgement.vulnerable:
                return None
            decision = self._judgement.decision
            self._open(decision.append or decision.template or _UNANSWERED, decision)
            self._tally.acted(Action.COMPLETE)
        return self._opening.text if self._opening is not None else None

    def _open(self, template: str, decision: Decision) -> None:
        self._opening = self._room.composer.complete(self._judgement.need(template, decision, declining=False))
        self._tally.compositions.append(self._opening)

    # ---- beside the reply

    async def judge(self, passage: Passage) -> Verdict:
        """The verdict on one passage of the reply."""
        if not passage.text.strip():
            return Verdict(VerdictKind.RELEASE)
        judgement, loop = self._judgement, asyncio.get_running_loop()
        started = loop.time()
        scores = await judgement.hear_reply(passage.text, passage.before, whole=False)
        self._room.meters.stage("score_sentence", loop.time() - started)
        decision = judgement.decide(Moment.REPLY_SENTENCE, scores)
        kept, read = decision.action < Action.REVISE, passage.channel in _READ
        self._tally.hear(
            of_passage(scores, passage, alone=self._alone),
            passage.choice,
            read=kept and read,
            changed=read and not (kept and passage.channel in _SHOWN),
        )
        if passage.channel == "content":
            self._passages.setdefault(passage.choice, []).append(decision.action is Action.TRIM)
        if decision.action in (Action.COMPLETE, Action.REVISE) and decision.template is not None:
            self._ours.add(passage.choice)
            return Verdict(VerdictKind.COMPLETE, self._complete(decision.template, decision, passage.before))
        if decision.action is Action.TRIM:
            if self._trimmed is None or decision.template is not None:
                self._trimmed = decision
            if decision.template is None:
                return Verdict(VerdictKind.TRIM)
            need = judgement.need(decision.template, decision, declining=False)
            bridge = self._room.composer.bridge(need, before=passage.before)
            self._tally.compositions.append(bridge)
            return Verdict(VerdictKind.TRIM, bridge.text)
        if passage.first and passage.channel in _SHOWN and judgement.disclosed:
            refusal = scores.value("refusal.any")
            if refusal is not None and refusal >= _REFUSES:
                return Verdict(VerdictKind.HOLD)
        return Verdict(VerdictKind.RELEASE)

    async def end(self, reply: Reply) -> Ending:
        """The verdict on one choice's reply at its end."""
        self.given = reply.text if reply.given is None else reply.given
        if self._opening is not None:
            self.text = self._opening.text
            return self._ending(complete=self._opening.text)
        if reply.choice in self._ours:
            self.text = reply.text
            return self._ending()
        if not reply.text.strip():
            words = None if reply.finish in _CALLS else self.rescue()
            self.text = words or ""
            return self._ending(complete=words)
        said = reply.text if reply.said is None else reply.said
        scores = await self._judgement.hear_reply(said, "", whole=True)
        scores = self._tally.end(of_whole(scores, said, reply.text, alone=self._alone), reply.choice)
        decision = self._judgement.decide(Moment.REPLY_END, scores)
        if decision.action in (Action.COMPLETE, Action.REVISE) and decision.template is not None:
            text = self._complete(decision.template, decision, reply.released)
            self.text = together(reply.released, text)
            return self._ending(complete=text)
        instead = self._instead(reply.choice, reply.released)
        if instead is not None:
            self._tally.acted(Action.COMPLETE)
            self.text = together(reply.released, instead)
            if reply.released.strip():
                return self._ending(append=instead)
            return self._ending(complete=instead)
        self.text = said
        addition = None
        if not reply.cut:
            addition = self._added.get(reply.choice) or self._addition(said, decision, self._judgement.decision)
        if addition is not None:
            self._tally.acted(Action.APPEND)
            if reply.choice not in self._added:
                self._tally.compositions.append(addition)
            self._added[reply.choice] = addition
            self.text = together(said, addition.text)
            return self._ending(append=addition.text)
        return self._ending()

    def _ending(self, *, complete: str | None = None, append: str | None = None) -> Ending:
        return Ending(self._tally.action, self._judgement.status, complete=complete, append=append)

    def _complete(self, template: str, decision: Decision, before: str) -> str:
        """What is said in the reply's place, and what the person's own words call for beside it. ``before``: what has left
        of the reply already."""
        if template in self._completions:
            return self._completions[template]  # every choice that needs it says the same
        declining = (self._tally.reply is not None) and (self._tally.reply.value("refusal.any") or _NO_SCORE) >= _REFUSES
        composition = self._room.composer.complete(self._judgement.need(template, decision, declining=declining))
        parts = [composition]
        if "?" not in composition.text:  # one question is enough
            addition = self._addition(f"{before} {composition.text}".strip(), self._judgement.decision)
            parts += [addition] if addition is not None else []
        self._tally.compositions += parts
        self._completions[template] = "\n\n".join(part.text for part in parts)
        return self._completions[template]

    def _instead(self, choice: int, before: str) -> str | None:
        """What is said where nothing is left of the chatbot's reply: every sentence was withheld."""
        withheld, decision = self._passages.get(choice, []), self._trimmed
        if decision is None or not withheld or not all(withheld):
            return None
        need = self._judgement.need(_WITHHELD, decision, declining=False)
        if self._judgement.vulnerable or need.level > 0:
            return self._complete(_WITHHELD_UNDER_RISK, decision, before)
        return self._complete(_WITHHELD if need.at_risk else decision.template or _WITHHELD, decision, before)

    def _addition(self, said: str, *sources: Decision) -> Composition | None:
        """What a reply still lacks, by the rules of either side."""
        for source in sources:
            template = source.append or (source.template if source.action is Action.APPEND else None)
            if template is not None:
                need = self._judgement.need(template, source, declining=False, reply=said)
                return self._room.composer.append(need, reply=said)
        return None

    # ---- what the session remembers of it

    def spoken(self) -> Spoken:
        """What went out, as the session remembers it."""
        compositions = self._tally.compositions
        questions = [composition.question for composition in compositions if composition.question is not None]
        question = questions[-1] if questions else (asked(self.text) if self.text else None)
        reply = Message("assistant", self.text)
        return Spoken(
            at=self._judgement.now,
            question=question,
            variants=tuple(beat.variant for composition in compositions for beat in composition.beats),
            resources=tuple(use.id for composition in compositions for use in composition.resources),
            identity=any(composition.identity for composition in compositions),
            digest=follow(self._judgement.thread.digest, reply).hex() if self.text else "",
            ours=read([reply]).own[0].hex() if compositions and self.text else "",
            rules=self._tally.fired,
            said=tuple(self._tally.said),
            bands=self._tally.bands,
        )
