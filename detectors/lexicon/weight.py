"""What one match is worth where it stands: denied, said by or of somebody else, a figure of speech, a story, long ago."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from detectors.lexicon.passage import Passage, Sentence
from detectors.lexicon.rules import Hit
from detectors.lexicon.scope import (
    NEGATORS,
    Subject,
    is_about_others,
    is_denied,
    is_narrowed,
    is_own,
    is_reported,
    subject_of,
    tokens,
)

__all__ = ["Weighed", "weigh"]

DENIED: Final = 0.1
ELSEWHERE: Final = 0.12  # said, but of nobody who writes
FAINT: Final = 0.3  # under every threshold that acts

_SELF: Final = (
    "risk.suicide", "risk.suicide_behaviour", "risk.suicide_imminent", "risk.self_harm", "risk.eating", "risk.psychosis",
    "risk.command_voices", "risk.mania", "risk.substance", "risk.overdose_or_withdrawal", "risk.emergency_now",
)  # fmt: skip
_OF_SUICIDE: Final = ("risk.suicide", "risk.suicide_behaviour", "risk.suicide_imminent")
_OF_ANYBODY: Final = ("risk.emergency_now", "risk.overdose_or_withdrawal", "risk.command_voices", "risk.psychosis")
_OF_VIOLENCE: Final = ("risk.violence", "violence.target", "violence.intent", "violence.mass")
_PAST_VERB: Final = re.compile(
    r"\b(?:was|were|had|did|tried|attempted|wanted|took|swallowed|overdosed|felt|thought|considered|planned|used to|cut|"
    r"hurt|hit|wrote|stood|nearly|almost|struggled|survived|hung|hanged|shot|went|got|ended up|landed|put|suffered|planning|"
    r"contemplated|attempt|attempts|started|relapsed|drank|heard|starved|purged|made|raped|molested|abused|beat|kicked|"
    r"punched|slapped|choked|threatened|touched|forced|shook|burned|burnt|self harmed|didn't|wasn't|couldn't)\b"
)
_ONGOING: Final = re.compile(
    r"\b(?:since|still|again|ever since|these days|lately|every day|every night|now|for years|keep|keeps)\b"
)
_MADE: Final = re.compile(r"\b(?:makes|make|making|made|have|has|got|had) me\W+(?:\w+\W+){0,3}\Z")
_IF_EVER: Final = re.compile(
    r"\bif (?:i|you|we|someone|somebody|anyone|he|she|they)\W+(?:\w+\W+)?ever\W+(?:\w+\W+){0,3}\Z|\bin case i\W+\Z"
)
_MASKED: Final = "risk,violence,concern,abuse,warning,distress"
_STILL: Final = re.compile(
    r"\W{1,4}(?:\w+\W+){0,8}?(?:still(?! (?:here|alive|around|standing|breathing))|never stopped|to this day|and now|"
    r"never went away|every day since|ever since)\b"
)
_FEARED: Final = re.compile(r"\b(?:afraid|scared|worried|terrified|fear|fears|frightened)\W+(?:that\W+)?(?:of\W+)?\Z")
_ASKED: Final = re.compile(r"\b(?:ask|asks|asked|asking|wondered|checked)\W+(?:me\W+)?(?:if|whether)\W+(?:\w+\W+){0,2}\Z")
_ASIDE: Final = 3  # words before a threat that can still be an aside of who makes it: "honestly, going to …"
_FAR: Final = 80  # characters between a match and a time that still dates it
_WAS: Final = re.compile(r"\b(?:put|had|held|was|were|sat|stood|tried|wanted|almost|nearly|thought)\b")
_ACUTE: Final = ("risk.emergency_now", "risk.overdose_or_withdrawal", "risk.medical_emergency")
_ACT: Final = 2  # the level from which on a rule speaks of killing oneself, not only of being dead
_UNLESS: Final = re.compile(r"\b(?:unless|in case|as if|as though|like)\W+(?:\w+\W+){0,2}\Z")


@dataclass(frozen=True, slots=True)
class Weighed:
    """A match with its worth.

    ``other`` is the worth for ``concern.*``, where it is about somebody else; ``past``, ``figurative`` and ``denied`` are
    what the words around it make of it.
    """

    hit: Hit
    sentence: Sentence
    value: float
    other: float = 0.0
    past: bool = False
    figurative: float = 0.0
    denied: bool = False


def weigh(hit: Hit, sentence: Sentence, passage: Passage) -> Weighed:
    """What ``hit`` is worth."""
    signal, grade = hit.rule.signal, hit.rule.grade
    mask = None if "literal" in hit.rule.options else _masked(hit, sentence)
    if mask is not None:
        return Weighed(hit, sentence, FAINT if mask < 0.9 else 0.08, figurative=0.9 if mask >= 0.9 else 0.7)
    before = sentence.before(hit)
    words = sentence.words(hit)
    if "firm" not in hit.rule.options and _denied(hit, sentence, before, words):
        return Weighed(hit, sentence, DENIED, denied=True)
    if not signal.startswith("abuse.") and _swallowed(hit, words):
        return Weighed(hit, sentence, DENIED, denied=True)
    if signal.startswith(("context.", "intima.", "attachment.")):
        return Weighed(hit, sentence, grade)
    if signal == "distress":
        return _felt(hit, sentence, passage, before, words)
    if signal in _SELF or signal.startswith("abuse."):
        whose = _whose(hit, sentence, passage, before, words)
        if whose is not None:
            return whose
    if signal in _OF_VIOLENCE and _by_others(before, words):
        return Weighed(hit, sentence, ELSEWHERE, other=min(grade, 0.7))
    if signal == "risk.suicide_imminent" and _WAS.search(f"{before[-40:]} {words}") and not _near_now(sentence):
        return Weighed(hit, sentence, DENIED, past=True)
    if signal in _ACUTE and _UNLESS.search(before):
        return Weighed(hit, sentence, FAINT)
    if "dated" in hit.rule.options and not _near_now(sentence) and any(sentence.frame("recent")):
        return Weighed(hit, sentence, min(grade, FAINT))
    if _IF_EVER.search(before):
        return Weighed(hit, sentence, min(grade, FAINT))
    figure = _figure(hit, sentence, passage, before, words)
    if figure is not None:
        return figure
    if signal.startswith(("risk.", "abuse.", "violence.")) and is_past(hit, sentence, passage):
        lasting = signal == "risk.suicide_behaviour" or signal.startswith("abuse.")
        return Weighed(hit, sentence, grade if lasting else min(grade, FAINT), past=True)
    return Weighed(hit, sentence, grade)


def _denied(hit: Hit, sentence: Sentence, before: str, words: str) -> bool:
    """Whether the sentence says that it is not so; of an act, not only not yet or not here."""
    if any(_masks(frame, hit) for frame in sentence.frame("denial")):
        return True
    act = hit.rule.signal == "risk.suicide" and int(hit.rule.options.get("level", "1")) >= _ACT
    return is_denied(before, words) and not (act and is_narrowed(sentence.text[hit.end :]))


def _felt(hit: Hit, sentence: Sentence, passage: Passage, before: str, words: str) -> Weighed:
    grade = hit.rule.grade
    if subject_of(before, words, "") in (Subject.THIRD, Subject.SECOND):
        return Weighed(hit, sentence, grade * 0.5)
    if (passage.laughing and not passage.serious) or passage.watched:
        return Weighed(hit, sentence, grade * 0.6)
    if is_past(hit, sentence, passage):
        return Weighed(hit, sentence, grade * 0.6, past=True)
    return Weighed(hit, sentence, grade)


def _whose(hit: Hit, sentence: Sentence, passage: Passage, before: str, words: str) -> Weighed | None:
    """Where it is somebody else's, or nobody's; ``None`` where it is the speaker's."""
    signal, grade = hit.rule.signal, hit.rule.grade
    speaker = None if signal.startswith("abuse.") else is_reported(sentence.text[: hit.start])
    if _ASKED.search(before):
        return Weighed(hit, sentence, ELSEWHERE)
    if speaker == Subject.THIRD:
        if passage.made_up or passage.watched:
            return Weighed(hit, sentence, ELSEWHERE, figurative=0.9)
        quoted = sentence.text[: hit.start].rstrip(" ")[-1:] in ("'", '"')
        if quoted or "should" not in words:
            return Weighed(hit, sentence, ELSEWHERE, other=grade)
        return Weighed(hit, sentence, FAINT)
    killer = subject_of(before, "", "") if signal in _OF_SUICIDE and "kill me" in words and not is_own(words) else None
    if killer in (Subject.THIRD, Subject.SECOND):
        return Weighed(hit, sentence, ELSEWHERE)
    if signal.startswith("abuse.") and signal != "abuse.danger_now":
        subject = subject_of(before, words, "")
        if subject == Subject.FIRST:
            return None
        return Weighed(hit, sentence, ELSEWHERE, other=min(grade, 0.7) if subject == Subject.THIRD else 0.0)
    if signal not in _OF_SUICIDE and signal != "risk.self_harm":
        third = subject_of(before, words, "") == Subject.THIRD
        if third and signal in _SELF and signal not in _OF_ANYBODY:
            return Weighed(hit, sentence, ELSEWHERE, other=min(grade, 0.7))
        return None
    after = sentence.text[hit.end :]
    subject = subject_of(before, words, after)
    if subject == Subject.THIRD:
        return Weighed(
            hit, sentence, ELSEWHERE, other=0.0 if passage.topical or passage.made_up or passage.watched else grade
        )
    if subject == Subject.SECOND and hit.rule.pattern.words.isdisjoint(("you", "yourself")):
        return Weighed(hit, sentence, ELSEWHERE)
    if subject == Subject.NOBODY and (passage.topical or passage.made_up or passage.watched):
        return Weighed(hit, sentence, ELSEWHERE, figurative=0.9)
    asks_all = not hit.rule.pattern.words.isdisjoint(("anyone", "anybody", "you"))
    if subject == Subject.NOBODY and not asks_all and (after.rstrip().endswith("?") or is_about_others(after)):
        return Weighed(hit, sentence, min(grade, FAINT))
    return None


def _figure(hit: Hit, sentence: Sentence, passage: Passage, before: str, words: str) -> Weighed | None:
    """Where it is a story or a figure of speech; ``None`` where it is meant."""
    signal, grade = hit.rule.signal, hit.rule.grade
    level = int(hit.rule.options.get("level", "0"))
    if passage.made_up and "soft" in hit.rule.options:
        return Weighed(hit, sentence, FAINT, figurative=0.9)
    if passage.serious or signal == "risk.method_seeking":
        return None
    if passage.made_up and signal.startswith(("risk.", "violence.", "concern.", "abuse.", "warning.")):
        quoted = _quoted(sentence.text, hit)
        if signal not in _OF_SUICIDE or quoted or sentence.framed("fiction") or level <= 2:
            return Weighed(hit, sentence, FAINT if level >= 3 and not quoted else ELSEWHERE, figurative=0.9)
    if passage.watched and (
        signal in _OF_VIOLENCE
        or signal.startswith(("concern.", "abuse."))
        or (sentence.framed("fiction") and _quoted(sentence.text, hit))
    ):
        return Weighed(hit, sentence, ELSEWHERE, figurative=0.9)
    if signal in _OF_VIOLENCE and _FEARED.search(before):
        return Weighed(hit, sentence, FAINT)
    light = passage.laughing or (passage.trivial and "grave" not in hit.rule.options)
    if signal.startswith("abuse.") and passage.laughing:
        return Weighed(hit, sentence, min(grade, 0.4), figurative=0.6)
    if signal in _OF_VIOLENCE and light:
        return Weighed(hit, sentence, min(grade, FAINT), figurative=0.8)
    if signal in _OF_SUICIDE:
        made = _MADE.search(before) is not None or re.match(r"(?:makes|make|making|made) me\b", words) is not None
        if passage.laughing and passage.trivial:
            return Weighed(hit, sentence, ELSEWHERE, figurative=0.9)
        if made and (light or passage.watched):
            return Weighed(hit, sentence, ELSEWHERE, figurative=0.8)
        if passage.laughing:
            return Weighed(hit, sentence, min(grade, 0.45 if level <= 1 and grade < 0.9 else 0.6), figurative=0.6)
        if made and level <= 2:
            return Weighed(hit, sentence, min(grade, 0.4 if level <= 1 else 0.5), figurative=0.5)
    return None


def _masked(hit: Hit, sentence: Sentence) -> float | None:
    """How sure it is that the match is part of a figure of speech, ``None`` where it is of none."""
    found = [mask.rule.grade for mask in sentence.frame("idiom") if _masks(mask, hit)]
    return max(found) if found else None


def _masks(mask: Hit, hit: Hit) -> bool:
    """Whether a frame's match lies over another one of a kind that it masks, and of no higher grade than it masks."""
    options = mask.rule.options
    return (
        _overlap(hit, mask)
        and hit.rule.signal.startswith(tuple(options.get("masks", _MASKED).split(",")))
        and hit.rule.grade <= float(options.get("most", "1"))
    )


def _overlap(a: Hit, b: Hit) -> bool:
    return a.start < b.end and b.start < a.end


def _quoted(text: str, hit: Hit) -> bool:
    """Whether the match stands inside quotation marks, or after a colon."""
    head = text[: hit.start]
    return head.count('"') % 2 == 1 or bool(re.search(r":\W{0,4}\Z|(?:\A|\W)'\Z", head))


def _near_now(sentence: Sentence) -> bool:
    """Whether the sentence tells of now or of the last day."""
    return any(
        frame.rule.signal in ("now", "soon") or (frame.rule.signal == "recent" and frame.rule.options["when"] == "24h")
        for frame in sentence.frames
    )


def _by_others(before: str, words: str) -> bool:
    """Whether somebody else would do the harm: the victim's name in the match is not who acts."""
    if is_own(words):
        return False
    subject = subject_of(before, "", "")
    return subject in (Subject.THIRD, Subject.SECOND) or (subject == Subject.NOBODY and len(tokens(before)) > _ASIDE)


def _swallowed(hit: Hit, words: str) -> bool:
    """Whether a word of denial stands in a gap of the match: ``I have no thoughts of …`` where the rule has no "no"."""
    return not NEGATORS.intersection(tokens(words)) <= hit.rule.pattern.words


def is_past(hit: Hit, sentence: Sentence, passage: Passage) -> bool:
    """Whether a match tells of something that is over: a verb of the past, and a time long ago nearer than any other."""
    words = sentence.words(hit)
    told = words if is_own(words) else f"{sentence.before(hit)[-60:]} {words}"
    if not _PAST_VERB.search(told) and "used to" not in told:
        return False
    nearest, name = min(
        ((max(frame.start - hit.end, hit.start - frame.end, 0), frame.rule.signal)
         for frame in sentence.frames
         if frame.rule.signal in ("past", "recent", "now")
         and not sentence.text[: frame.start].endswith(("since ", "from when "))),
        default=(0, ""),
    )  # fmt: skip
    if not name:
        before = passage.sentences[sentence.number - 1] if sentence.number else None
        return before is not None and before.framed("past") and not _ONGOING.search(words)
    if _STILL.match(sentence.text[hit.end : hit.end + 90]):
        return False
    return name == "past" and not _ONGOING.search(words) and (nearest < _FAR or "used to" in told)
