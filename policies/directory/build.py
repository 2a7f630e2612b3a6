"""Builds ``data/contacts.jsonl`` from a collection of rows that were read off pages.

    python -m policies.directory.build COLLECTION.jsonl [READ_AT]

Facts only enter: names, numbers, addresses, hours, languages, sources and dates; never a page's wording. A row is shown
where at least two pages agree on its main number and nothing contradicts it; the rest is kept, hidden, until an operator
has confirmed it. An id once given stays with its service: by country and name, else by country and main number.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from policies.directory.contact import from_row
from policies.errors import DirectoryInvalid

__all__ = ["build", "main"]

DATA: Final = Path(__file__).parent / "data" / "contacts.jsonl"

_CLASSES: Final[Mapping[str, tuple[str, ...]]] = {"suicide": ("crisis", "self-harm")}
_AGREEMENT: Final = 2
_READ_AT: Final = "2026-11"

# whom a service is for, where its notes say that it is not everybody; words for the reader
_AUDIENCE: Final[Mapping[tuple[str, str], str]] = {
    ("US", "Disaster Distress Helpline (SAMHSA)"): "after a disaster",
    ("US", "The Trevor Project (TrevorLifeline)"): "for LGBTQ+ young people",
    ("US", "Veterans Crisis Line"): "for veterans, service members and those close to them",
    ("US", "National Maternal Mental Health Hotline"): "for pregnancy and after birth",
    ("CA", "Kids Help Phone"): "for young people",
    ("CA", "Hope for Wellness Helpline"): "for Indigenous people",
    ("GB", "NHS 111, mental health option"): "in England",
    ("GB", "Childline"): "for people under 19",
    ("GB", "PAPYRUS HOPELINE"): "for people under 35",
    ("GB", "National Domestic Abuse Helpline (Refuge)"): "mainly for women",
    ("AU", "Kids Helpline"): "for ages 5 to 25",
    ("DE", "Hilfetelefon Gewalt gegen Frauen"): "for women",
    ("AT", "Frauenhelpline gegen Gewalt"): "for women",
    ("BE", "Community Help Service helpline (English)"): "in English",
    ("IN", "Women Helpline"): "for women",
    ("PL", "Centrum Wsparcia, adults in mental crisis"): "for adults",
    ("PL", "116 123 crisis line for adults"): "for adults",
    ("AR", "Línea 135"): "in some provinces",
    ("BE", "Zelfmoordlijn 1813"): "in Dutch",
    ("BE", "Centre de Prévention du Suicide"): "in French",
}
# services that are offered only where that class is asked for
_ONLY: Final[Mapping[tuple[str, str], str]] = {
    ("US", "Childhelp National Child Abuse Hotline"): "abuse",
    ("FR", "119 Allô enfance en danger"): "abuse",
    ("NO", "Alarmtelefonen for barn og unge"): "abuse",
    ("IT", "114 Emergenza Infanzia"): "abuse",
}
_ONLY_CLASSES: Final = ("veteran", "lgbtq", "perinatal", "eating", "poison")
# audiences that nothing in a request can state
_NARROW: Final = frozenset({("US", "Disaster Distress Helpline (SAMHSA)"), ("CA", "Hope for Wellness Helpline")})
# the notes call the ambulance's own number the surer one, because cantons handle 112 differently
_FIRST: Final[Mapping[tuple[str, str], str]] = {("CH", "Emergency services"): "144 (ambulance)"}
_NAMES: Final[Mapping[tuple[str, str], str]] = {
    ("CA", "9-8-8: Suicide Crisis Helpline"): "Suicide Crisis Helpline",
    ("FI", "MIELI Crisis Helpline (Finnish)"): "MIELI Crisis Helpline",
    ("BE", "Community Help Service helpline (English)"): "Community Help Service helpline",
    ("JP", "Yorisoi Hotline (よりそいホットライン)"): "Yorisoi Hotline (よりそいホットライン)",
    ("FR", "3114, national suicide prevention number"): "National suicide prevention line",
    ("PL", "116 123 crisis line for adults"): "Crisis line for adults",
    ("PL", "116 111 children and youth line"): "Children and youth line",
    ("KR", "Suicide prevention line 109 (자살예방 상담전화)"): "Suicide prevention line (자살예방 상담전화)",
    ("GB", "NHS 111, mental health option"): "NHS mental health help",
    ("US", "The Trevor Project (TrevorLifeline)"): "The Trevor Project",
    ("NZ", "1737, Need to talk?"): "Need to Talk",
    ("IE", "50808 text service (Text About It)"): "Text About It",
}


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _channel(raw: Mapping[str, Any]) -> dict[str, Any]:
    value, then, label = str(raw["value"]), None, None
    if raw["type"] == "call":
        match = re.fullmatch(r"([+\d][\d -]*\d),? (then (?:press|the) .+)", value)
        if match:
            value, then = match[1], match[2].replace("then the", "then choose the")
    match = re.fullmatch(r"([+\d][\d -]*\d) \(([^)]+)\)", value)
    if match:
        value, label = match[1], match[2]
    hours = raw["hours"]
    return {"kind": raw["type"], "value": value, "then": then, "label": label, "hours": hours}


def build(
    rows: Iterable[Mapping[str, Any]], *, before: Iterable[Mapping[str, Any]] = (), read_at: str = _READ_AT
) -> list[dict[str, Any]]:
    """Rows of the directory from rows of a collection.

    ``before``: the directory as it was, whose ids are kept. ``read_at``: when the pages were read, ``YYYY-MM``.

    :raises DirectoryInvalid: a built row breaks the schema, or two rows share an id.
    """
    named, numbered = {}, {}
    for row in before:
        named[(row["country"], row["collected_as"])] = row["id"]
        numbered[(row["country"], row["channels"][0]["value"], row["channels"][0]["kind"])] = row["id"]
    built: list[dict[str, Any]] = []
    taken: set[str] = set()
    for raw in rows:
        key = (raw["country"], raw["name"])
        channels = sorted(raw["channels"], key=lambda c: c["value"] != _FIRST.get(key))
        kept = [_channel(channel) for channel in channels]
        notes = raw["notes"] or ""
        classes = sorted({c for name in raw["for"] for c in _CLASSES.get(name, (name,))})
        number = (raw["country"], kept[0]["value"], kept[0]["kind"])
        identity = named.get(key) or numbered.get(number) or f"{raw['country'].lower()}/{_slug(raw['name'])}"
        if identity in taken:
            raise DirectoryInvalid(f"contact {identity}: stands twice; give one of the two services another name")
        taken.add(identity)
        row = {
            "id": identity,
            "country": raw["country"],
            "name": _NAMES.get(key, raw["name"]),
            "collected_as": raw["name"],
            "classes": classes,
            "only": _ONLY.get(key) or next((c for c in _ONLY_CLASSES if c in classes), None),
            "audience": _AUDIENCE.get(key),
            "channels": kept,
            "languages": raw["languages"],
            "source": raw["source"],
            "source_kind": raw["source_kind"],
            "verified_at": raw["page_date"],
            "read_at": read_at,
            "agreement": raw["agreement"],
            "shown": raw["agreement"] >= _AGREEMENT and "CONFLICT" not in notes,
            "narrow": key in _NARROW,
            "caveat": notes or None,
        }
        from_row(row)
        built.append(row)
    return built


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def main(arguments: list[str]) -> int:
    """Rebuilds the shipped directory; returns the exit status."""
    if not 1 <= len(arguments) <= 2:
        print("usage: python -m policies.directory.build COLLECTION.jsonl [READ_AT]", file=sys.stderr)
        return 2
    before = _read(DATA) if DATA.exists() else []
    rows = build(_read(Path(arguments[0])), before=before, read_at=arguments[1] if len(arguments) == 2 else _READ_AT)
    DATA.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    shown = sum(row["shown"] for row in rows)
    print(f"{len(rows)} contacts, {shown} shown, {len(rows) - shown} kept hidden until confirmed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
