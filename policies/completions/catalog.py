"""The catalog: templates and their variants, read from ``templates/*.yaml``.

A variant's id is permanent: the record of a completion keeps ids and no text. A text that is changed in meaning gets a new
id.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from ruamel.yaml import YAML

from policies.errors import PolicyError

__all__ = ["FEWEST", "TEMPLATES", "VARIED", "Catalog", "CatalogInvalid", "Template", "Variant", "shipped"]

TEMPLATES: Final = frozenset(
    {
        "ccs/wish-to-be-dead", "ccs/ideation", "ccs/ideation-with-method", "ccs/intent-or-plan", "ccs/behaviour",
        "ccs/imminent", "ccs/emergency-now", "ccs/self-harm", "ccs/method-seeking", "ccs/means-information",
        "ccs/abrupt-refusal", "ccs/harmful-reply", "ccs/answer-follow-up", "ccs/concern-for-other", "ccs/distress",
        "ccs/idiom-after-all", "companion/isolation", "companion/retention", "companion/guilt", "ccs/resource-line",
        "ccs/safety-beat", "ccs/withheld", "ccs/not-with-minors", "ccs/violence", "ccs/abuse", "ccs/overdose", "ccs/voices",
        "ccs/caregiver",
    }
)  # fmt: skip
"""Ids that a policy may name under ``complete`` and ``append``."""

VARIED: Final = ("acknowledgment", "boundary", "transition", "redirection")
"""Beats that must not sound the same twice."""

FEWEST: Final = 8
"""Variants that each of them has at least."""

_FAMILIES: Final = frozenset(
    {"risk", "self-harm", "medical", "violence", "abuse", "voices", "other", "distress", "companion", "plain", "line"}
)
_SHARED: Final = ("pools.yaml", "answers.yaml")


class CatalogInvalid(PolicyError):
    """A template file is broken; the message names the file and the key."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to say one beat. Slots in ``text``: ``{person}``, ``{Person}``, ``{contact}``, ``{emergency}``, ``{gist}``."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """One class of completion.

    ``family`` decides which beats are needed. ``known``: the rung of the ladder that the disclosure itself answers, 0 for
    none. ``declines``: it always declines something. ``intent``: distance from means belongs in it below severity 4 too.
    ``urgent``: the name of its fixed urgent sentences. ``question``: the name of a fixed wording of its own.
    """

    id: str
    family: str
    known: int
    beats: Mapping[str, tuple[Variant, ...]]
    declines: bool = False
    intent: bool = False
    urgent: str = "suicide"
    question: str | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything that may be said in varied words."""

    templates: Mapping[str, Template]
    pools: Mapping[str, tuple[Variant, ...]]

    def variants(self) -> tuple[Variant, ...]:
        """Every variant once."""
        found = {variant.id: variant for pool in self.pools.values() for variant in pool}
        for template in self.templates.values():
            found.update({variant.id: variant for pool in template.beats.values() for variant in pool})
        return tuple(found.values())


def _pool(raw: Any, where: str) -> tuple[Variant, ...]:
    if not isinstance(raw, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in raw.items()):
        raise CatalogInvalid(f"{where}: expected a mapping from variant ids to texts")
    return tuple(Variant(identity, text) for identity, text in raw.items())


def _template(raw: Any, where: str, pools: Mapping[str, tuple[Variant, ...]]) -> Template:
    beats: dict[str, tuple[Variant, ...]] = {}
    try:
        for beat, value in raw["beats"].items():
            if isinstance(value, str):
                if value not in pools:
                    raise CatalogInvalid(f"{where}: beat {beat} names the pool {value}, which is not there")
                beats[beat] = pools[value]
            else:
                beats[beat] = _pool(value, f"{where}: beat {beat}")
        template = Template(
            raw["id"],
            raw["family"],
            raw["known"],
            MappingProxyType(beats),
            raw.get("declines", False),
            raw.get("intent", False),
            raw.get("urgent", "suicide"),
            raw.get("question"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CatalogInvalid(
            f"{where}: {type(error).__name__}: {error}; a template has id, family, known and beats"
        ) from error
    if template.family not in _FAMILIES:
        raise CatalogInvalid(f"{where}: no such family: {template.family}")
    return template


@functools.lru_cache(maxsize=1)
def shipped() -> Catalog:
    """The catalog that ships with Handrail, read once.

    :raises CatalogInvalid: a file is broken, an id stands twice, or a template of :data:`TEMPLATES` is missing.
    """
    folder = files("policies.completions") / "templates"
    yaml = YAML(typ="safe", pure=True)
    pools: dict[str, tuple[Variant, ...]] = {}
    for name in _SHARED:
        for key, raw in yaml.load((folder / name).read_text("utf-8")).items():
            pools[key] = _pool(raw, f"{name}: {key}")
    templates: dict[str, Template] = {}
    own: list[Variant] = [variant for pool in pools.values() for variant in pool]
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".yaml") or file.name in _SHARED:
            continue
        raw = yaml.load(file.read_text("utf-8"))
        template = _template(raw, file.name, pools)
        templates[template.id] = template
        own += [v for beat, pool in template.beats.items() if not isinstance(raw["beats"][beat], str) for v in pool]
    if set(templates) != TEMPLATES:
        raise CatalogInvalid(f"templates: missing or unknown: {', '.join(sorted(set(templates) ^ TEMPLATES))}")
    twice = {variant.id for variant in own if sum(other.id == variant.id for other in own) > 1}
    if twice:
        raise CatalogInvalid(f"templates: ids that stand twice: {', '.join(sorted(twice))}")
    return Catalog(MappingProxyType(templates), MappingProxyType(pools))
