"""What a message says to the safety question that is open: yes, no, neither, or that the person would rather not say.

The rungs follow the screener of C-SSRS (Posner 2011), rung 0 asks whether the person is safe right now. A yes inherits the
rung that was asked. Declining, silence and whatever is not understood stay unknown: they are never a no.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from detectors.lexicon.foreign import foreign_answer
from detectors.lexicon.rules import Hit, Rules, words_of
from detectors.lexicon.scope import NEGATORS, tokens
from detectors.normalise import normalise
from detectors.signals import IMPLIED_BY_YES

__all__ = ["hastens", "inherited", "read_answer", "recency"]

_SAFE_NOW: Final = 0
_INTENT: Final = 4
_PLAN: Final = 5
_BEHAVIOUR: Final = 6
_SAID: Final = 0.5
_BELOW: Final = 0.45  # what was weighed and did not win
_LIKELY: Final = 0.55
_CLEAR: Final = 0.75
_SURE: Final = 0.8
_SHORT: Final = 2
_CLEARER: Final = 0.25  # so much stronger, what came first is only qualified by what came after
_READ: Final = 1000  # code points at the start, and as many at the end, that are looked at
_MOST_CLAUSES: Final = 200  # at either end of it
_BRIEF: Final = 12  # in a message of so many words, a yes or no may come after a comma
_ENGLISH: Final = frozenset(
    ("i", "i'm", "i've", "i'd", "the", "yes", "yeah", "yep", "nope", "nah", "not", "my", "it", "it's", "don't")
)

_CLAUSE: Final = re.compile(
    r"([.!?\n;:,()\"…。！？、，]+|\s-+\s|\b(?:but|though|although|except|however|because|then again|however|since)\b)"
)
_REPORTED: Final = re.compile(
    r"\b(?:says?|said|asked|told (?:me|him|her)|goes|was like|replied|answered|screamed|yelled)\s*\Z"
)
_FAREWELL: Final = re.compile(r"\b(?:bye|byee+|bye bye|goodbye|good bye|farewell|so long)\b")
_SAFE: Final = re.compile(r"\bsafe\b")
_SPOKEN: Final = re.compile(r"[^\W_]")


def read_answer(text: str, question: int, language: str | None) -> dict[str, float]:
    """``answer.affirm``, ``.deny``, ``.unclear`` and ``.declines`` of ``text``, as received, to the rung ``question``.

    ``question``: 0 ("are you safe right now?", so that a yes means safe) to 6. ``language``: ISO 639-1, where it is known.
    At most one of affirm and deny reaches .5. Deterministic; linear in the text; never raises for what it contains.
    """
    if _SPOKEN.search(text) is None:
        return _values(unclear=0.9)
    found = normalise(_without_signs(text))
    safe_asked = question == _SAFE_NOW
    abroad = foreign_answer(found, language, safe_asked=safe_asked)
    if abroad is None:
        here = _in_english(found.text, question, language)
        if max(here["answer.affirm"], here["answer.deny"], here["answer.declines"]) >= _SAID:
            return here
        abroad = foreign_answer(found, None, safe_asked=safe_asked, anywhere=True)
        if abroad is None:
            return here
    word, value = abroad
    if safe_asked and word == "affirm" and value < 0.7:
        word, value = "unclear", 0.7  # "maybe" is no yes to being safe
    unclear = 0.1 if word != "unclear" else value
    return _values(**{"unclear": unclear, word: value})


def _without_signs(text: str) -> str:
    """The text without emoji, which the normaliser would read as words."""
    return text if text.isascii() else "".join(" " if unicodedata.category(c) == "So" else c for c in text)


def _in_english(text: str, question: int, language: str | None) -> dict[str, float]:
    """The answer as English; of a text in a session of another language only where it has words of English."""
    words = text.split()
    if language not in (None, "en") and len(words) > 1 and _ENGLISH.isdisjoint(words):
        return _values(unclear=0.7)
    answer = _weighed(_read(text, question), question)
    if question == _SAFE_NOW and answer["answer.affirm"] >= _SAID and _FAREWELL.search(text) and not _SAFE.search(text):
        return _values(affirm=_BELOW, unclear=0.7)  # "fine. bye" says that they leave, not that they are safe
    return answer


def inherited(question: int, answers: Mapping[str, float]) -> dict[str, float]:
    """The ``risk.*`` signals that the answer to the rung ``question`` implies, by name; to be taken where they are higher.

    A yes on rungs 1 to 6 implies what was asked and what stands below it on the ladder; on rung 6 the recency is unknown
    until :func:`recency` or a later turn tells it. A no to "are you safe right now?" is imminent risk. Whatever is not at
    least likely (.5) implies nothing.
    """
    if question == _SAFE_NOW:
        value = answers.get("answer.deny", 0.0)
        return {"risk.suicide_imminent": value} if value >= _SAID else {}
    value = answers.get("answer.affirm", 0.0)
    implied = ("risk.suicide_behaviour",) if question == _BEHAVIOUR else IMPLIED_BY_YES.get(question, ())
    return dict.fromkeys(implied, value) if value >= _SAID else {}


def recency(text: str) -> str | None:
    """When something was done, from an answer to rung 6 ("last night"): now, 24h, month, 3months, earlier, or ``None``."""
    plain = normalise(text[:_READ]).text
    return next((tag for tag, pattern in _WHEN if pattern.search(plain)), None)


_WHEN: Final = (
    ("now", re.compile(r"\b(?:just now|right now|(?:a few|few|\d+|some) minutes? ago|a minute ago)\b")),
    ("24h", re.compile(r"\b(?:today|tonight|this (?:morning|afternoon|evening)|last night|yesterday|hours? ago|earlier)\b")),
    ("month", re.compile(r"\b(?:(?:a few|few|\d+|some|couple of|two|three) days? ago|this week|last week|days ago|recently|"
                         r"this month|weeks? ago|on (?:mon|tues|wednes|thurs|fri|satur|sun)day)\b")),
    ("3months", re.compile(r"\b(?:last month|(?:a|one|two|1|2|couple of) months? ago)\b")),
    ("earlier", re.compile(r"\b(?:years?|last (?:year|summer|winter|spring|fall|autumn)|ages|when i was|"
                           r"as a (?:kid|child|teen)|long time|in the past|months ago|in (?:high |middle )?school)\b")),
)  # fmt: skip


def hastens(text: str) -> bool:
    """Whether a short answer to rung 4 or 5 says that it is for the next day ("yes, tonight after work")."""
    plain = normalise(text[:_READ]).text
    return len(plain.split(None, _BRIEF)) <= _BRIEF and _SOON.search(plain) is not None and _NOT_SOON.search(plain) is None


_SOON: Final = re.compile(
    r"\b(?:tonight|today|right now|now|tomorrow|this (?:evening|morning|afternoon)|"
    r"in (?:an|a few|one|two) (?:hours?|minutes)|"
    r"(?:when|once|after) (?:everyone|everybody|they|the kids|work|school|my parents)\b.{0,30})"
)
_NOT_SOON: Final = re.compile(
    r"\b(?:not|never|no|don't|won't|wasn't|isn't|didn't|haven't|thought|felt|had|was|did|been|think|feel|feeling|thinking|"
    r"until|till|up to|from|better|fine|okay|safe|used to|before)\b"
)


def _values(affirm: float = 0.0, deny: float = 0.0, unclear: float = 0.0, declines: float = 0.0) -> dict[str, float]:
    return {"answer.affirm": affirm, "answer.deny": deny, "answer.unclear": unclear, "answer.declines": declines}


@lru_cache(maxsize=1)
def _rules() -> Rules:
    return Rules(("macros", "answers"))


@dataclass(frozen=True, slots=True)
class _Clause:
    text: str
    opens: bool  # a sentence, or what comes after "but", begins here
    asks: int  # question marks
    contrast: bool


@dataclass(slots=True)
class _Found:
    """The strongest of each kind. ``order``: the bare yeses and noes as they came."""

    stated: dict[str, float] = field(default_factory=lambda: {"affirm": 0.0, "deny": 0.0})
    bare: dict[str, float] = field(default_factory=lambda: {"affirm": 0.0, "deny": 0.0})
    order: list[str] = field(default_factory=list)
    unclear: float = 0.0
    declines: float = 0.0
    contrast: bool = False


def _clauses(text: str) -> Iterator[_Clause]:
    """The clauses of a text; of a long one those at its two ends."""
    if len(text) > 2 * _READ:
        text = text[:_READ] + "\n" + text[-_READ:]
    parts = _CLAUSE.split(text)
    opens, reported, contrast = True, False, False
    brief = len(text.split(None, _BRIEF)) <= _BRIEF
    for at in range(0, len(parts), 2):
        clause, after = parts[at].strip(), parts[at + 1] if at + 1 < len(parts) else ""
        if clause and not reported:
            yield _Clause(clause, opens or brief, after.count("?") + after.count("？"), contrast)
        reported = reported or _REPORTED.search(clause) is not None
        if any(c in ".!?\n…。！？" for c in after):
            opens, contrast, reported = True, False, False
        elif after.strip().isalpha() or " " in after.strip():
            opens, contrast = True, after.strip() in ("but", "though", "although", "except", "however")
        elif clause:
            opens = False


def _read(text: str, question: int) -> _Found:
    found = _Found()
    rules = _rules()
    clauses = list(_clauses(text))
    if len(clauses) > 2 * _MOST_CLAUSES:
        clauses = clauses[:_MOST_CLAUSES] + clauses[-_MOST_CLAUSES:]
    for clause in clauses:
        hits = [
            hit
            for hit in rules.hits(clause.text, words_of(clause.text))
            if str(question) in hit.rule.options.get("q", str(question))
        ]
        for hit in _outermost(hits):
            _enter(found, hit, clause, question)
        found.contrast = found.contrast or clause.contrast
    return found


def _outermost(hits: list[Hit]) -> list[Hit]:
    """Without those that a longer one goes on from, or that end in what says nothing."""
    return [
        hit
        for hit in hits
        if not any(
            other.start < hit.end < other.end and (other.start <= hit.start or "mask" in other.rule.options)
            for other in hits
        )
        and not any(other.end == hit.end and other.start < hit.start and other is not hit for other in hits)
    ]


def _enter(found: _Found, hit: Hit, clause: _Clause, question: int) -> None:
    rule = hit.rule
    kind = rule.signal.removeprefix("answer.")
    if "mask" in rule.options:
        return
    value = rule.grade
    topic = rule.options.get("topic")
    if topic is not None:
        said = _bears_on(kind, int(topic), question)
        negated = not NEGATORS.intersection(tokens(clause.text[hit.start : hit.end])) <= rule.pattern.words
        if said is None or clause.asks or negated:  # "he's not here" has no "not" of the rule's
            return
        found.stated[said] = max(found.stated[said], value)
    elif kind == "unclear":
        found.unclear = max(found.unclear, value)
    elif kind == "declines":
        found.declines = max(found.declines, value)
    else:
        if clause.asks:
            # "no?" wonders, "no??" insists
            value *= 0.9 if len(clause.text.split()) > _SHORT else 0.5 if clause.asks == 1 else 0.65
        if not clause.opens and hit.start == 0 and hit.end - hit.start < 12:
            value = min(value, 0.4) if not found.order else value
        found.bare[kind] = max(found.bare[kind], value)
        if value >= _SAID:
            found.order.append(kind)


def _bears_on(kind: str, topic: int, question: int) -> str | None:
    """What a yes or no about ``topic`` says to ``question``, ``None`` for nothing."""
    if topic == _SAFE_NOW:
        return kind if question == _SAFE_NOW else None
    if question == _SAFE_NOW:
        # who is about to act is not safe; who will not act is
        if topic in (_INTENT, _PLAN):
            return "deny" if kind == "affirm" else "affirm" if topic == _INTENT else None
        return None
    if _BEHAVIOUR in (topic, question):
        return kind if topic == question else None
    if kind == "affirm":
        return kind if topic >= question else None
    return kind if question >= topic else None


def _weighed(found: _Found, question: int) -> dict[str, float]:
    affirm, deny = _decided(found, question)
    declines = found.declines
    if declines >= _SAID:
        if max(found.stated.values()) >= _SAID or (affirm >= _SAID and found.order[:1] == ["affirm"]):
            declines = min(declines, _BELOW)
        else:
            # a no before it is as likely a no to the question's being asked
            affirm, deny = min(affirm, 0.3), min(deny, 0.3)
    best = max(affirm, deny, declines)
    unclear = min(max(found.unclear * 0.5, 0.1), 1.0 - best) if best >= _SAID else max(found.unclear, 0.7)
    return _values(affirm, deny, round(unclear, 4), declines)


def _decided(found: _Found, question: int) -> tuple[float, float]:
    """How much yes and how much no, of which at most one reaches .5. Where both were said, the more careful one wins."""
    careful, other = ("deny", "affirm") if question == _SAFE_NOW else ("affirm", "deny")
    stated, bare = found.stated, found.bare
    out = {"affirm": 0.0, "deny": 0.0}
    if stated[careful] >= _SAID:
        out[careful] = max(stated[careful], bare[careful])
        out[other] = min(_BELOW, max(stated[other], bare[other]))
    elif stated[other] >= _SAID:
        out[other] = stated[other]
        out[careful] = min(_BELOW, bare[careful])
        if bare[careful] >= _LIKELY and found.order[0] == careful:
            if question == _SAFE_NOW and stated[other] < _SURE:
                out[other] = _BELOW  # "no, I'm fine" may mean either
            elif question != _SAFE_NOW and found.contrast:
                out[careful], out[other] = min(bare[careful], 0.8), 0.3  # "yes, but I'd never do it"
    elif bare["affirm"] >= _SAID and bare["deny"] >= _SAID:
        if found.order[0] == careful and bare[careful] - bare[other] >= _CLEARER:
            out[careful], out[other] = 0.7, 0.3
        elif found.order[0] == other:
            out[careful], out[other] = min(bare[careful], 0.6), 0.4
        else:
            out[careful], out[other] = _BELOW, 0.4
    else:
        out = dict(bare)
        if question == _SAFE_NOW and found.contrast and out["affirm"] >= _SAID:
            out["affirm"] = _BELOW  # "yes, but" is not safe enough to go by
        elif found.unclear > max(out[other], _CLEAR):
            out[other] = min(out[other], _BELOW)
    return out["affirm"], out["deny"]
