"""A pack: which model of somebody else's answers which signals, and how. The YAML's form, with errors that name lines."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from detectors.external.calibration import Calibration, Raw, Sigmoid, Table
from detectors.external.document import LARGEST, Document, Place, parse
from detectors.external.errors import PackUnfit
from detectors.signals import SIGNALS, Kind, Side

__all__ = [
    "ANY",
    "PACKS",
    "Context",
    "Mapped",
    "Pack",
    "Source",
    "Specification",
    "Use",
    "nearest",
    "pack_file",
    "read_pack",
]

PACKS: Final = Path(__file__).parent / "packs"
"""Where the package keeps its examples."""

ANY: Final = "any"
"""In the place of a list of languages."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,47}")
_OURS: Final = frozenset(("lexicon", "model", "scorer", "records", "device", "console", "none"))
_HUB: Final = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_HEX: Final = re.compile(r"[0-9a-f]+")
_COMMIT: Final = 40
_SHA256: Final = 64
_TEMPLATE: Final = re.compile(r"\{[^{}]*\}")


class Use(StrEnum):
    """How an answer goes together with the one from above it, signal by signal."""

    FILL = "fill"  # only where there is none
    HIGHEST = "highest"  # the higher of both
    REPLACE = "replace"  # in its place


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Source(_Form):
    """Where the model is: on the hub at a commit, or in a folder whose files have a digest."""

    hub: str | None = None
    revision: str | None = None
    folder: str | None = None
    sha256: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Source:
        if (self.hub is None) == (self.folder is None):
            raise ValueError("give either hub (OWNER/NAME, with its revision) or folder")
        if self.hub is not None:
            if not _HUB.fullmatch(self.hub):
                raise ValueError(f"hub {self.hub!r} is not of the form OWNER/NAME")
            if self.revision is None or len(self.revision) != _COMMIT or not _HEX.fullmatch(self.revision):
                raise ValueError(
                    "revision must be the model's commit in full (40 hexadecimal digits): a branch or tag can move, and "
                    "the scores with it"
                )
        elif self.revision is not None:
            raise ValueError("revision belongs to hub; of a folder give sha256")
        if self.sha256 is not None and (len(self.sha256) != _SHA256 or not _HEX.fullmatch(self.sha256)):
            raise ValueError("sha256 must have 64 hexadecimal digits, in lower case")
        return self


class Context(_Form):
    """What was said before, as the model is given it. ``prefix``: before the text, in one piece; ``pair``: as the first text
    of a pair. ``turn``: how an earlier message is written; ``text``: how the scored one is."""

    form: Literal["prefix", "pair"] = "prefix"
    turns: int = Field(4, ge=1, le=8)
    turn: str = "{speaker}: {text}\n"
    text: str = "{text}"
    user: str = "User"
    assistant: str = "Assistant"

    @field_validator("turn", "text")
    @classmethod
    def _fields(cls, value: str) -> str:
        unknown = [found for found in _TEMPLATE.findall(value) if found not in ("{speaker}", "{text}")]
        if unknown or value.count("{text}") != 1:
            raise ValueError("a template holds {text} once, and may hold {speaker}; nothing else in braces")
        return value


class _Calibration(_Form):
    slope: float | None = Field(None, gt=0, le=100)
    offset: float | None = Field(None, ge=-100, le=100)
    knots: tuple[tuple[float, float], ...] | None = None

    @model_validator(mode="after")
    def _one(self) -> _Calibration:
        if (self.knots is None) == (self.slope is None or self.offset is None) or (
            self.knots is not None and (self.slope is not None or self.offset is not None)
        ):
            raise ValueError("give slope and offset, or knots: a list of [what the model says, what it means]")
        if self.knots is not None:
            said, means = [x for x, _ in self.knots], [y for _, y in self.knots]
            rises = all(a < b for a, b in pairwise(said)) and means == sorted(means)
            if len(said) < 2 or not rises or not all(0 <= value <= 1 for value in (*said, *means)):
                raise ValueError("knots are two or more pairs from 0 to 1 that rise; a calibration turns no order round")
        return self


def _short(value: object) -> object:
    """A label, or some, in the place of the whole entry."""
    if isinstance(value, str):
        return {"labels": [value]}
    return {"labels": value} if isinstance(value, list) else value


class Mapped(_Form):
    """How one signal is read off the model's labels. ``not_labels``: 1 less what these have together."""

    labels: tuple[str, ...] = ()
    not_labels: tuple[str, ...] = ()
    combine: Literal["max", "sum"] | None = None
    calibration: _Calibration | None = None
    threshold: float = Field(0.5, gt=0, le=1)
    use: Use | None = None

    @model_validator(mode="after")
    def _one(self) -> Mapped:
        if bool(self.labels) == bool(self.not_labels):
            raise ValueError("give labels, or not_labels; at least one label")
        if len(set(self.read)) < len(self.read):
            raise ValueError("a label stands twice")
        return self

    @property
    def read(self) -> tuple[str, ...]:
        """The labels, whichever way they count."""
        return self.labels or self.not_labels

    def calibrated(self) -> Calibration:
        """The calibration, the model's own probability where there is none."""
        own = self.calibration
        if own is None:
            return Raw()
        if own.knots is not None:
            return Table(own.knots)
        return Sigmoid(own.slope or 1.0, own.offset or 0.0)


class Specification(_Form):
    """A pack as its file has it."""

    name: str
    model: Source
    kind: Literal["sequence", "token"] = "sequence"
    output: Literal["softmax", "sigmoid"] | None = None
    licence: str = Field(min_length=1)
    about: str | None = None
    languages: tuple[str, ...]
    context: Context | None = None
    max_tokens: int | None = Field(None, ge=16, le=8192)
    windows: int = Field(16, ge=1, le=64)
    batch_tokens: int = Field(4096, ge=256, le=262_144)
    device: Annotated[str | None, Field(pattern=r"^(cpu|cuda(:[0-9]{1,3})?)$")] = None
    precision: Literal["float32", "bfloat16", "float16"] | None = None
    use: Use = Use.FILL
    signals: dict[str, Annotated[Mapped, BeforeValidator(_short)]] = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("a name has lower-case letters, digits, dots, dashes and underscores, 48 at most")
        if value in _OURS or value.startswith("handrail"):
            raise ValueError(f"{value!r} is a name that Handrail has itself; give another")
        return value

    @field_validator("languages", mode="before")
    @classmethod
    def _codes(cls, value: object) -> object:
        if value == ANY:
            return (ANY,)
        codes = value if isinstance(value, list) else ()
        if not codes or not all(isinstance(code, str) and _LANGUAGE.fullmatch(code) for code in codes):
            raise ValueError("give a list of ISO 639-1 codes such as [en, de], or the word any")
        return value

    def reads(self, language: str | None) -> bool:
        """Whether a text in a language is read; one whose language is not known is."""
        return language is None or language in self.languages or ANY in self.languages

    def use_of(self, signal: str) -> Use:
        """How the answer on a signal is used."""
        return self.signals[signal].use or self.use


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was read. ``lines`` finds what an error is about."""

    file: Path
    spec: Specification
    document: Document

    @property
    def name(self) -> str:
        """``name@digest``: it changes with everything in the file that can change a score; the model's files are in it by
        their commit or digest."""
        said = self.spec.model_dump(mode="json", exclude={"licence", "about"})
        digest = hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=6).hexdigest()
        return f"{self.spec.name}@{digest}"

    def unfit(self, place: Place, message: str, kind: type[PackUnfit] = PackUnfit) -> PackUnfit:
        """The error about a place of the file."""
        return kind(f"{self.file}:{self.document.line(place)}: {message}")


def pack_file(name: str | Path) -> Path:
    """The file of a pack: a path, or the name of one that the package carries."""
    text = str(name)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        return Path(name).expanduser()
    return PACKS / f"{text}.yaml"


def nearest(name: str, among: Iterable[str]) -> str:
    """``; did you mean …?``, or nothing where nothing is near."""
    close = get_close_matches(name, list(among), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def read_pack(name: str | Path) -> Pack:
    """The pack of a file, or of a name that the package carries. Opens no model. Raises :class:`PackUnfit`, which names all
    that is wrong."""
    file = pack_file(name)
    try:
        with file.open("rb") as opened:
            text = opened.read(LARGEST + 1).decode()
    except FileNotFoundError:
        own = sorted(path.stem for path in PACKS.glob("*.yaml"))
        hint = nearest(file.stem, own) if file.parent == PACKS else ""
        raise PackUnfit(f"{name}: there is no such pack; give a .yaml file, or one of {', '.join(own)}{hint}") from None
    except OSError as error:
        raise PackUnfit(f"{file}: {error.strerror}; give a pack that can be read") from None
    except UnicodeDecodeError:
        raise PackUnfit(f"{file}: not UTF-8; write the file in UTF-8") from None
    document = parse(str(file), text)
    if not isinstance(document.data, dict):
        raise PackUnfit(f"{file}:1: a pack is a mapping with name, model, licence, languages and signals")
    wrong: list[tuple[int, str]] = []
    spec = None
    try:
        spec = Specification.model_validate(document.data)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            place = _place(document, found["loc"])
            wrong.append((document.line(place), _sentence(place, found)))
    signals = document.data.get("signals")
    for signal in signals if isinstance(signals, dict) else ():
        wrong.extend((document.line(("signals", signal)), why) for why in _no_signal(signal))
    if spec is None or wrong:
        raise PackUnfit("\n".join(f"{file}:{line}: {what}" for line, what in sorted(set(wrong))))
    return Pack(file, spec, document)


def _no_signal(name: str) -> tuple[str, ...]:
    """Why a name is no signal that a model can answer; nothing where it is one."""
    signal = SIGNALS.get(name)
    if signal is None:
        own = [each.name for each in SIGNALS.values() if each.side is not Side.SESSION and each.kind is Kind.PROBABILITY]
        return (f"{name!r} is no signal{nearest(name, own)}",)
    if signal.side is Side.SESSION or signal.kind is not Kind.PROBABILITY:
        return (f"{name!r} is no probability of one text; no model can answer it",)
    return ()


def _place(document: Document, loc: tuple[str | int, ...]) -> Place:
    """The part of pydantic's place that is in the file; it adds names of types."""
    place: Place = ()
    for step in loc:
        if (*place, step) in document.lines:
            place = (*place, step)
        elif isinstance(step, str) and step == loc[-1]:
            return (*place, step)
    return place


def _sentence(place: Place, found: Any) -> str:
    where = ".".join(map(str, place)) or "the pack"
    if found["type"] == "extra_forbidden":
        every = {field for form in (Specification, Source, Context, Mapped, _Calibration) for field in form.model_fields}
        return f"{where}: there is no such key{nearest(str(place[-1]), every)}"
    if found["type"] == "string_type":
        return f"{where} must be text; put it in quotes"
    if found["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {found['msg'].removeprefix('Value error, ')}"
