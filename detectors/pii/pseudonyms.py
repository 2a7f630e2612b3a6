"""Pseudonyms: what is personal in a conversation by a word that stands for it, and back. Pure.

A pseudonym is ``[PERSON_1]``: a label, and a number that counts the label's entities in the order in which they came up.
The same entity has the same pseudonym in capitals or without, a name with its accents or without; two that are spelled
otherwise have two. Why brackets and no invented names: docs/decisions/0091.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from detectors.pii.entity import Entity, apart
from detectors.pii.folding import fold

__all__ = ["MOST_ENTITIES", "TOKEN", "Pseudonyms", "token_key"]

MOST_ENTITIES: Final = 500
"""Of one conversation. What comes after has a pseudonym without a number, which nothing leads back from."""

_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "PERSON": "PERSON", "LOCATION": "PLACE", "ORGANIZATION": "ORG", "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE",
        "CREDIT_CARD": "CARD", "IBAN_CODE": "ACCOUNT", "CRYPTO": "ACCOUNT", "URL": "LINK", "IP_ADDRESS": "ADDRESS",
        "MAC_ADDRESS": "ADDRESS", "USERNAME": "USERNAME", "DATE_OF_BIRTH": "BIRTHDATE",
    }
)  # fmt: skip
_OTHER: Final = "ID"
_NAMES: Final = ("PERSON", "PLACE", "ORG")
_SIGNED: Final = ("ADDRESS", "USERNAME", _OTHER)  # of which signs make others: 192.168.1.12 is not 192.168.11.2
_ALL: Final = tuple(dict.fromkeys((*_LABELS.values(), _OTHER)))

TOKEN: Final = re.compile(
    r"(?P<escaped>\\{1,2})?[\[【] ?"
    rf"(?P<label>{'|'.join(_ALL)})(?:\\{{0,2}}_| )(?P<number>[1-9]\d{{0,3}})(?P<owns>['’]s?)?"
    r" ?(?(escaped)\\{1,2})[\]】]",
    re.IGNORECASE | re.ASCII,
)
"""A pseudonym as it may be written. Chatbots that write Markdown put a backslash, or in JSON two, before the line or before
both brackets; others write a blank for the line, blanks within the brackets, other brackets, or ``[PERSON_1's]``. Before
the first bracket alone a backslash is none of it, for it may part a path."""

_OWNS: Final = re.compile(r"['’](?:s|S)?\Z")
_WORD: Final = re.compile(r"[^\W_]+")
_LONGEST_FORM: Final = 2000
_SHORTEST_AGAIN: Final = 3
_NATIONAL: Final = 9  # digits by which a telephone number is the same with its country's code and without


@dataclass(frozen=True, slots=True)
class _Known:
    """An entity. ``form``: as it is written back; ``None`` where this process was not told."""

    label: str
    number: int
    form: str | None

    @property
    def token(self) -> str:
        return f"[{self.label}_{self.number}]"


class Pseudonyms:
    """The pseudonyms of one conversation. Belongs to one task.

    ``digest`` makes the key under which an entity is known from its kind and spelling: with a keyed hash, what
    :meth:`to_json` gives can be stored without telling who was spoken of. ``system``: texts that go as they are. Persons
    and organisations in them, such as the chatbot's own name, stay wherever they stand, and so do numbers of pseudonyms in
    them.
    """

    def __init__(self, *, digest: Callable[[str], str] | None = None, system: Iterable[str] = ()) -> None:
        self._digest = digest or (lambda key: key)
        self._known: dict[str, _Known] = {}
        self._forms: dict[str, str] = {}  # of this conversation: as written -> token, to be found again
        self._last: dict[str, int] = {}
        self._system = "\0".join(system)
        self._spared = f" {_words(self._system)} " if self._system else ""
        self._reserved = {token_key(match) for match in TOKEN.finditer(self._system)}
        self.changed = False
        """Whether there is something that :meth:`to_json` did not give before."""

    def __len__(self) -> int:
        return len(self._known)

    # ---- there

    def put(self, texts: Sequence[str], found: Sequence[Sequence[Entity]]) -> list[str]:
        """``texts``, oldest first, with pseudonyms for what was ``found`` in each and for what is known already."""
        spans = [self._spans(text, entities) for text, entities in zip(texts, found, strict=True)]
        again = self._again()
        return [
            _joined(text, [*own, *_elsewhere(text, own, again, self._forms)]) for text, own in zip(texts, spans, strict=True)
        ]

    def _spans(self, text: str, entities: Sequence[Entity]) -> list[tuple[int, int, str]]:
        """What is replaced in ``text`` and by what, in order. What looks like a pseudonym is an entity as well, so that
        nobody's own brackets come back as somebody's name."""
        literal = [Entity(*match.span(), _LITERAL + match["label"].upper()) for match in TOKEN.finditer(text)]
        whole = [(entity.start, entity.end) for entity in literal]
        spans = []
        for entity in sorted((*literal, *apart(entities, whole)), key=lambda entity: entity.start):
            end = entity.end
            if entity.type in ("PERSON", "LOCATION", "ORGANIZATION"):
                owner = _OWNS.search(text, entity.start, end)
                end = owner.start() if owner is not None and owner.start() > entity.start else end
            token = self._token(entity.type, text[entity.start : end])
            if token is not None:
                spans.append((entity.start, end, token))
        return spans

    def _token(self, kind: str, said: str) -> str | None:
        form = said.encode("utf-8", "replace").decode()
        if kind.startswith(_LITERAL):
            label, key = kind.removeprefix(_LITERAL), f"literal {form}"
        else:
            label = _LABELS.get(kind, _OTHER)
            key = _key(label, form)
            if label in ("PERSON", "ORG") and self._spared and f" {_words(form)} " in self._spared:
                return None
        at = self._digest(key)
        known = self._known.get(at)
        if known is None:
            if len(self._known) >= MOST_ENTITIES or len(form) > _LONGEST_FORM:
                return f"[{label}]"
            known = self._known[at] = _Known(label, self._number(label), form)
            self.changed = True
        elif (better := _better(known.form, form)) != known.form:
            self.changed = self.changed or known.form is not None
            known = self._known[at] = replace(known, form=better)
        if _recurs(form) if label in _NAMES else len(form) >= _SHORTEST_AGAIN:
            self._forms.setdefault(form, known.token)
        return known.token

    def _number(self, label: str) -> int:
        number = self._last.get(label, 0) + 1
        while f"[{label}_{number}]" in self._reserved:
            number += 1
        self._last[label] = number
        return number

    def _again(self) -> re.Pattern[str] | None:
        for known in self._known.values():  # those of earlier requests
            if known.form is not None and known.label in _NAMES and _recurs(known.form):
                self._forms.setdefault(known.form, known.token)
        forms = sorted(self._forms, key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, forms))})(?!\w)") if forms else None

    # ---- back

    @property
    def originals(self) -> dict[str, str]:
        """By each pseudonym what it stands for, as far as this process was told."""
        return {known.token: known.form for known in self._known.values() if known.form is not None}

    # ---- kept

    def to_json(self, *, forms: bool) -> list[list[Any]]:
        """What is to be kept. ``forms``: with what was written, else with digests alone."""
        return [[at, one.label, one.number, one.form if forms else None] for at, one in self._known.items()]

    def learn(self, kept: Iterable[Sequence[Any]]) -> None:
        """What :meth:`to_json` gave. Before anything is put."""
        for at, label, number, form in kept:
            self._known[str(at)] = _Known(str(label), int(number), None if form is None else str(form))
            self._last[str(label)] = max(self._last.get(str(label), 0), int(number))


_LITERAL: Final = "\0literal "


def token_key(match: re.Match[str]) -> str:
    """A pseudonym that :data:`TOKEN` matched, as it is kept: ``[PERSON_1]``."""
    return f"[{match['label'].upper()}_{match['number']}]"


def _words(text: str) -> str:
    """``text`` as its words: no capitals, accents or signs."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", fold(text).text) if not unicodedata.combining(sign))
    return " ".join(_WORD.findall(plain.casefold()))


def _key(label: str, said: str) -> str:
    """What an entity is known by. The three kinds of names share one space, for the search may take a name for either."""
    plain = _words(said)
    if label in _NAMES:
        return f"name {plain or said}"
    if label == "EMAIL":
        plain = re.sub(r"\(?\bat\b\)?|\[at\]", "@", fold(said).text.casefold())
        plain = re.sub(r"\(?\bdot\b\)?|\[dot\]", ".", plain)
        return "EMAIL " + re.sub(r"[^@.\w+%'-]", "", plain)
    if label == "LINK":
        return f"LINK {said.rstrip('/')}"
    if label in _SIGNED:
        return f"{label} {''.join(fold(said).text.casefold().split()).removeprefix('@')}"
    if label == "BIRTHDATE":
        return f"BIRTHDATE {plain}"
    packed = plain.replace(" ", "")
    if label == "PHONE" and len(packed) > _NATIONAL:
        packed = packed[-_NATIONAL:]
    return f"{label} {packed or said}"


def _better(old: str | None, new: str) -> str:
    """Which of two spellings of one entity is written back: the first, unless only the later one has capitals of a name."""
    if old is None:
        return new
    return new if (old.islower() or old.isupper()) and not (new.islower() or new.isupper()) and new != old else old


def _recurs(form: str) -> bool:
    """Whether a name is looked for in messages where the search did not see it: it is written as one and is no word."""
    plain = _words(form)
    if len(plain) < _SHORTEST_AGAIN or plain in _common():
        return False
    return " " in plain or not form.islower()


@cache
def _common() -> frozenset[str]:
    """Names that are words as well: only where the search itself found one is it a name."""
    return frozenset((files("detectors.pii") / "words.txt").read_text("utf-8").split())


def _elsewhere(
    text: str, taken: Sequence[tuple[int, int, str]], again: re.Pattern[str] | None, forms: Mapping[str, str]
) -> list[tuple[int, int, str]]:
    """What is known and stands outside of what was found."""
    if again is None:
        return []
    spans = []
    for match in again.finditer(text):
        start, end = match.span()
        if all(end <= first or last <= start for first, last, _ in taken):
            spans.append((start, end, forms[match.group()]))
    return spans


def _joined(text: str, spans: Collection[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    done = 0
    for start, end, token in sorted(spans):
        pieces += [text[done:start], token]
        done = end
    return "".join([*pieces, text[done:]])
