"""The JSON Schema (2020-12) of a policy file, for editors: completion and checks while one writes."""

from __future__ import annotations

from typing import Any, Final

from detectors.signals import LADDER_RUNGS, SIGNALS, VOCABULARY_VERSION, Kind, Side
from policies.assemble import API_VERSION
from policies.completions.catalog import TEMPLATES
from policies.decision import Action, Moment
from policies.directory.contact import RESOURCE_CLASSES
from policies.expression.lexer import LONGEST
from policies.reading import CONTEXTS, ID, ON_MISSING, STATUSES, TEAM

__all__ = ["schema"]

_TEXT: Final = {"type": "string", "minLength": 1}
_TIME: Final = {"anyOf": [{"type": "string", "pattern": "^[1-9][0-9]{0,3}[mhd]$"}, {"const": 0}]}


def _object(properties: dict[str, Any], required: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": list(required)} if required else {}),
        **more,
    }


def _list(items: dict[str, Any], *, least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, **({"minItems": least} if least else {})}


def _one_or_more(items: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [items, _list(items, least=1)]}


def _either(short: dict[str, Any], long: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [short, long]}


def _definitions() -> dict[str, Any]:
    scored = [signal for signal in SIGNALS.values() if signal.side is not Side.SESSION]
    probable = [signal.name for signal in scored if signal.kind is Kind.PROBABILITY]
    return {
        "id": {"type": "string", "pattern": f"^{ID.pattern}$"},
        "team": {"type": "string", "pattern": f"^{TEAM.pattern}$"},
        "condition": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST,
            "description": "A condition, e.g. band.ge3 >= HIGH && risk.method_seeking >= 0.5",
        },
        "template": {"enum": sorted(TEMPLATES)},
        "resource": {"enum": sorted(RESOURCE_CLASSES)},
        "signal": {"enum": probable},
        "anySignal": {"enum": [signal.name for signal in scored]},
        "threshold": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"const": "calibrated"}]},
        "values": {
            "type": "object",
            "properties": {
                signal.name: {
                    "type": "number",
                    "minimum": 0,
                    "maximum": 6 if signal.kind is Kind.LEVEL else 1,
                    "description": signal.meaning,
                }
                for signal in scored
            },
            "additionalProperties": False,
        },
        "action": _action(),
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _action() -> dict[str, Any]:
    template = _object({"template": _ref("template")}, ("template",))
    verify = _one_or_more({"enum": ["question", "resource"]})
    options: dict[str, dict[str, Any]] = {
        "allow": {"type": "null"},
        "observe": {"type": "null"},
        "guide": _either(_TEXT, _object({"text": _TEXT}, ("text",))),
        "append": _either(_ref("template"), _object({"template": _ref("template"), "verify": verify}, ("template",))),
        "revise": _either(_ref("template"), template),
        "trim": {"anyOf": [{"type": "null"}, _ref("template"), _object({"template": _ref("template")})]},
        "complete": _either(_ref("template"), template),
        "refer": _either(_one_or_more(_ref("resource")), _object({"to": _one_or_more(_ref("resource"))}, ("to",))),
        "escalate": _either(_one_or_more(_ref("team")), _object({"to": _one_or_more(_ref("team"))}, ("to",))),
        "pause": _either(
            {"type": "integer", "minimum": 1, "maximum": 120},
            _object({"minutes": {"type": "integer", "minimum": 1, "maximum": 120}}, ("minutes",)),
        ),
    }
    alternatives: list[dict[str, Any]] = [{"enum": ["allow", "observe", "trim"]}]
    alternatives += [_object({name: option}, (name,)) for name, option in options.items()]
    return {"anyOf": alternatives}


def _rule() -> dict[str, Any]:
    properties = {
        "id": {**_ref("id"), "description": "Stable: renaming it breaks history."},
        "description": _TEXT,
        "status": {"enum": list(STATUSES), "default": "stable"},
        "on": _one_or_more({"enum": [moment.value for moment in Moment]}),
        "severity": {"type": "integer", "minimum": 0, "maximum": 4},
        "when": _ref("condition"),
        "on_missing": {
            "enum": list(ON_MISSING),
            "description": "What follows where a value that decides it is missing. degrade from severity 3, else skip.",
        },
        "then": _list(_ref("action"), least=1),
        "cooldown": {**_TIME, "default": "30m"},
        "context": {"enum": list(CONTEXTS), "default": "lowers"},
        "falsepositives": _one_or_more(_TEXT),
    }
    return _object(properties, ("id", "on", "severity", "when", "then"))


def _test() -> dict[str, Any]:
    turn = _object(
        {
            "user": _TEXT,
            "reply": _TEXT,
            "signals": _ref("values"),
            "missing": _one_or_more(_ref("anySignal")),
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "asked": {"enum": ["now", *LADDER_RUNGS]},
            "after": _TIME,
        },
        anyOf=[{"required": [name]} for name in ("user", "reply", "signals")],
    )
    ids = {"anyOf": [_ref("id"), _list(_ref("id"))]}
    resources = {"anyOf": [_ref("resource"), _list(_ref("resource"))]}
    teams = {"anyOf": [_ref("team"), _list(_ref("team"))]}
    expect = _object(
        {
            "action": {"enum": [action.word for action in Action]},
            "rules": ids,
            "not_rules": ids,
            "missing": ids,
            "severity": {"type": "integer", "minimum": 0, "maximum": 4},
            "template": _ref("template"),
            "append": _ref("template"),
            "refer": resources,
            "escalate": teams,
            "posture": {"enum": ["sentence", "whole"]},
            "degraded": {"type": "boolean"},
        },
        minProperties=1,
    )
    person = _object(
        {"age": {"enum": ["adult", "minor", "unknown"]}, "locale": _TEXT, "jurisdiction": _TEXT, "timezone": _TEXT}
    )
    tenant = _object({"name": _TEXT, "tag": _TEXT, "people": {"enum": ["none", "hours", "always"]}})
    off = _one_or_more({"enum": list(SIGNALS)})
    properties = {
        "name": _TEXT,
        "turns": _list(turn, least=1),
        "expect": expect,
        "person": person,
        "tenant": tenant,
        "off": off,
    }
    return _object(properties, ("name", "turns", "expect"))


def schema() -> dict[str, Any]:
    """The schema as JSON values. What it accepts may still have faults that only the loader and lint can see."""
    levels = {name: _ref("threshold") for name in ("watch", "elevated", "high", "release")}
    band = _object({"signal": _ref("signal"), **levels}, ("signal", *levels))
    exception = _object(
        {"rule": _ref("id"), "when": _ref("condition"), "owner": _TEXT, "expires": {"type": "string", "format": "date"}},
        ("rule", "when", "owner", "expires"),
    )
    properties = {
        "apiVersion": {"const": API_VERSION},
        "name": _ref("id"),
        "description": _TEXT,
        "extends": _one_or_more(_TEXT),
        "vocabulary": {"type": "integer", "minimum": 1, "maximum": VOCABULARY_VERSION},
        "floor": {"type": "boolean", "description": "Who extends it may neither loosen its rules nor except from them."},
        "off": _one_or_more(_TEXT),
        "bands": {
            "type": "object",
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
            "additionalProperties": band,
        },
        "rules": _list(_rule()),
        "exceptions": _list(exception),
        "tests": _list(_test()),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Handrail policy",
        **_object(properties, ("apiVersion", "name", "vocabulary")),
        "$defs": _definitions(),
    }
