"""Prometheus' rule files."""

from __future__ import annotations

from io import StringIO
from typing import Any

from dashboards.alerts import ALERTS, Alert, Group
from dashboards.recording import RECORDING, Recording

__all__ = ["alert_rules", "as_yaml", "recording_rules"]


def recording_rules() -> str:
    """The recording rules' file."""
    return as_yaml({"groups": [{"name": "handrail.recording", "rules": [_recording(rule) for rule in RECORDING]}]})


def alert_rules() -> str:
    """The alert rules' file."""
    return as_yaml({"groups": [_group(group) for group in ALERTS]})


def as_yaml(data: Any) -> str:
    """YAML with a line on where it comes from."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 4096
    out = StringIO()
    yaml.dump(data, out)
    return "# Built by `handrail dashboards build`; change what it is built from, in dashboards/*.py.\n" + out.getvalue()


def _recording(rule: Recording) -> dict[str, Any]:
    return {"record": rule.record, "expr": rule.expr}


def _group(group: Group) -> dict[str, Any]:
    return {"name": group.name, "rules": [_alert(alert) for alert in group.alerts]}


def _alert(alert: Alert) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": alert.name, "expr": alert.expr}
    if alert.hold:
        rule["for"] = alert.hold
    rule["labels"] = {"urgency": alert.urgency}
    rule["annotations"] = {"summary": alert.summary, "description": alert.description, "runbook": alert.runbook}
    return rule
