"""The directory: which contacts fit a country, a need and a person.

Never a row from another country. Where a country has none, the international entry stands in, and the place's emergency
number is then spoken of in words ("your local emergency number"), never guessed.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from policies.directory.contact import RESOURCE_CLASSES, ChannelKind, Contact, from_row
from policies.errors import DirectoryInvalid

__all__ = ["INTERNATIONAL", "Directory", "shipped"]

INTERNATIONAL: Final = "ZZ"

# where the European number is the place's own: the row read says that it is valid in the member states
_UNION: Final = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
        "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip
_UNION_NUMBER: Final = "112"


@dataclass(frozen=True, slots=True)
class Directory:
    """Contacts, in file order. Build one with :func:`shipped` or from rows of your own."""

    contacts: tuple[Contact, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for contact in self.contacts:
            if contact.id in seen:
                raise DirectoryInvalid(f"contact {contact.id}: stands twice; ids are unique")
            seen.add(contact.id)

    @property
    def countries(self) -> frozenset[str]:
        """Countries with at least one contact that may be shown."""
        return frozenset(c.country for c in self.contacts if c.shown) - {INTERNATIONAL}

    def contact(self, identity: str) -> Contact | None:
        """The contact of that id, shown or hidden."""
        return next((contact for contact in self.contacts if contact.id == identity), None)

    def emergency(self, country: str | None) -> Contact | None:
        """The emergency services of a country; ``None`` where no number was read for it."""
        for contact in self.contacts:
            if not (contact.shown and contact.emergency):
                continue
            if contact.country == country != INTERNATIONAL:
                return contact
            union = contact.country == INTERNATIONAL and contact.channels[0].value == _UNION_NUMBER
            if union and country in _UNION and country not in self.countries:
                return contact
        return None

    def lookup(
        self,
        country: str | None,
        language: str = "en",
        classes: Sequence[str] = ("crisis",),
        age: str = "unknown",
        channel: str | None = None,
        shown: Collection[str] = (),
        *,
        stated: Collection[str] = (),
        danger: bool = False,
        limit: int = 3,
    ) -> tuple[Contact, ...]:
        """The best contacts, best first; never a hidden one, never one of another country.

        ``classes``: in order of need, of :data:`RESOURCE_CLASSES`. ``age``: ``minor`` puts lines for young people in front;
        for everybody else they are left out unless ``child`` is asked for. ``channel``: ``text`` or ``chat`` prefers
        services that can be reached so. ``shown``: ids that this session has seen, put last. ``stated``: what the person
        said of themselves (``veteran``, ``perinatal``), which opens the lines for them. ``danger``: the emergency services
        come first. ``limit``: at most so many.

        :raises ValueError: a class that is not one.
        """
        unknown = set(classes) - RESOURCE_CLASSES
        if unknown:
            raise ValueError(f"no such resource class: {', '.join(sorted(unknown))}")
        place = country.upper() if country else None
        asked = set(classes) | ({"veteran"} if "veteran" in stated else set()) | ({"perinatal"} & set(stated))
        found: list[Contact] = []
        emergency = self.emergency(place) if danger or "emergency" in classes else None
        if emergency is not None:
            found.append(emergency)
        local = [c for c in self._open(asked, age, stated) if c.country == place]
        ranked = self._ranked(local, classes, language, age, channel, shown, stated)
        if not ranked:
            world = [c for c in self._open(asked, age, stated) if c.country == INTERNATIONAL]
            ranked = self._ranked(world, classes, language, age, channel, shown, stated)
        found += [contact for contact in ranked if contact not in found]
        return tuple(found[:limit])

    def _open(self, asked: set[str], age: str, stated: Collection[str]) -> Iterable[Contact]:
        for contact in self.contacts:
            if not contact.shown or contact.emergency or contact.narrow:
                continue
            if contact.only is not None and contact.only not in asked:
                continue
            # a young people's line that is nothing else is of no use to an adult
            if "child" in contact.classes and age != "minor" and "child" not in asked and "lgbtq" not in asked:
                continue
            if contact.audience == "for adults" and age == "minor":
                continue
            yield contact

    @staticmethod
    def _ranked(
        contacts: Iterable[Contact],
        classes: Sequence[str],
        language: str,
        age: str,
        channel: str | None,
        shown: Collection[str],
        stated: Collection[str],
    ) -> list[Contact]:
        wanted = [name for name in classes if name != "emergency"]

        def standing(contact: Contact) -> tuple[int, ...]:
            # "general" is the last resort of every class, so that a country with only a general line still offers it
            match = min((wanted.index(c) for c in contact.classes if c in wanted), default=len(wanted))
            for_them = contact.only is not None and contact.only in stated
            return (
                match,
                contact.id in shown,
                not contact.always,
                not for_them,
                contact.audience is not None and contact.only is None and "child" not in contact.classes,
                age == "minor" and "child" not in contact.classes,
                # lines state few languages; only another one than English is a reason to prefer a line
                language != "en" and (contact.languages is None or language not in contact.languages),
                channel is not None and all(c.kind != ChannelKind(channel) for c in contact.channels),
                -contact.agreement,
            )

        usable = [c for c in contacts if c.classes & {*wanted, "general"}]
        return sorted(usable, key=standing)


@functools.lru_cache(maxsize=1)
def shipped() -> Directory:
    """The directory that ships with Handrail, read once.

    :raises DirectoryInvalid: a row breaks the schema.
    """
    text = (files("policies.directory") / "data" / "contacts.jsonl").read_text("utf-8")
    return Directory(tuple(from_row(json.loads(line)) for line in text.splitlines() if line.strip()))
