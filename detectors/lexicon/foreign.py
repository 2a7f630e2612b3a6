"""Short answers in other languages than English: a word or a phrase that is a whole clause at the start of a message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Final

from detectors.lexicon.errors import LexiconError
from detectors.normalise import Normalised, normalise

__all__ = ["foreign_answer"]

_WHERE: Final = "words/answers_languages.txt"
_LINE: Final = re.compile(r"([a-z]{2}) (?:(affirm|deny|unclear|declines|safe|unsafe) (0\.\d+)|(filler)): (.+)")
_CLAUSE_END: Final = re.compile(
    r"[.,;:!?…。！？、，।؟،؛~\"()\[\]*/\n]|\s-+\s|\Z"
)  # not \W: many scripts' vowel signs are no \w
_OPENING: Final = re.compile(r"[\s.,;:!?…。！？、，।؟،؛~\"()\[\]*/¿¡-]*")
_LONGEST: Final = 80  # code points of a clause that can be an answer
_TRAILING: Final = re.compile(
    r"(?:\s+(?:lol|haha+|jaja+|kkk+|rs))+\Z"
    r"|(?<=[\u3040-\u30ff])(?:です(?:よ|ね)?|だよ?|よ|ね|かな|けど)\Z|(?<=[\u4e00-\u9fff])[啊呀吧了的哦啦呢吗嘛]\Z|[\u314b\u314e\u3160\u315c]+\Z"
)
_ENGLISH: Final = frozenset(
    ("a", "dear", "e", "es", "ha", "han", "he", "na", "me", "so", "to", "no", "pas", "or", "sure", "as")
)


@dataclass(slots=True)
class _Table:
    phrases: dict[str, tuple[str, float]] = field(default_factory=dict)
    safety: dict[str, tuple[str, float]] = field(default_factory=dict)
    fillers: list[str] = field(default_factory=list)


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, _Table]:
    """The file as tables by language. Raises :class:`LexiconError` for a line that is none."""
    tables: dict[str, _Table] = {}
    text = resources.files("detectors.lexicon").joinpath(_WHERE).read_text("utf-8")
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split("#")[0].strip()
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise LexiconError(_WHERE, number, "expected 'code kind grade: phrases' or 'code filler: phrases'")
        code, kind, grade, _, listed = match.groups()
        table = tables.setdefault(code, _Table())
        for phrase in (_plain(normalise(part).text) for part in listed.split(" | ")):
            if kind is None:
                table.fillers.append(phrase)
            else:
                into = table.safety if kind in ("safe", "unsafe") else table.phrases
                into[phrase] = (kind, float(grade))
    for table in tables.values():
        table.fillers.sort(key=len, reverse=True)
    return tables


@lru_cache(maxsize=1)
def _anywhere() -> Mapping[str, tuple[str, float]]:
    """What says the same in every language that has it: for a text of which nobody knows the language."""
    said: dict[str, set[tuple[str, float]]] = {}
    for table in _tables().values():
        for phrase, what in table.phrases.items():
            said.setdefault(phrase, set()).add(what)
    return {
        phrase: max(meanings, key=lambda meaning: meaning[1])
        for phrase, meanings in said.items()
        if len({kind for kind, _ in meanings}) == 1 and phrase not in _ENGLISH and (len(phrase) > 1 or not phrase.isascii())
    }


def _plain(clause: str) -> str:
    return " ".join(clause.replace("-", " ").split())


def _first_clauses(text: str) -> list[str]:
    """The first two clauses, of bounded length."""
    clauses = []
    at = 0
    for _ in range(2):
        opening = _OPENING.match(text, at)
        at = opening.end() if opening else at
        end = _CLAUSE_END.search(text, at, at + 2 * _LONGEST)
        stop = end.start() if end else min(len(text), at + 2 * _LONGEST)
        clauses.append(_plain(text[at:stop]))
        at = end.end() if end else stop
    return clauses


def foreign_answer(
    found: Normalised, language: str | None, *, safe_asked: bool = False, anywhere: bool = False
) -> tuple[str, float] | None:
    """Kind and grade of the answer that ``found`` opens with, ``None`` where it opens with none of the language's.

    ``safe_asked``: the question is whether the person is safe right now. ``anywhere``: the language is not known, so a
    phrase counts that no other language contradicts.
    """
    table = _tables().get(language or "")
    if table is None and not anywhere:
        return None
    phrases = _anywhere() if table is None else table.phrases
    fillers = [] if table is None else table.fillers
    first, second = _first_clauses(found.text)
    both = f"{first} {second}" if second else first
    if table is not None and safe_asked:
        for clause in (both, first, second):
            said = _look_up(clause, table.safety, fillers)
            if said is not None:
                return ("affirm" if said[0] == "safe" else "deny"), said[1]
    whole = _look_up(both, phrases, fillers)
    if whole is not None:
        return whole
    one, two = _look_up(first, phrases, fillers), _look_up(second, phrases, fillers)
    if one is None or two is None or one[0] == two[0]:
        return one or two
    if "declines" in (one[0], two[0]):
        return "declines", 0.8
    if "unclear" in (one[0], two[0]) and "deny" in (one[0], two[0]):
        return "unclear", 0.7
    return (
        ("unclear", 0.7) if {one[0], two[0]} == {"affirm", "deny"} else max(one, two, key=lambda what: what[0] == "affirm")
    )


def _look_up(clause: str, phrases: Mapping[str, tuple[str, float]], fillers: list[str]) -> tuple[str, float] | None:
    if len(clause) > _LONGEST:
        return None
    return next((what for tried in _without(clause, fillers) if (what := phrases.get(tried)) is not None), None)


def _without(clause: str, fillers: list[str]) -> list[str]:
    """The clause as it is, without what trails it, and without a filler before it."""
    tries = [clause]
    bare = _TRAILING.sub("", clause)
    if bare != clause:
        tries.append(bare)
    for filler in fillers:
        if clause.startswith(filler) and len(clause) > len(filler):
            rest = clause[len(filler) :].lstrip()
            tries += [rest, _TRAILING.sub("", rest)]
            break
    return tries
