"""All files that are built: dashboards, provisioning, rules. The same each time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from dashboards.grafana_json import DATASOURCE, dashboard_json
from dashboards.panels import Board
from dashboards.people import PEOPLE
from dashboards.rule_files import alert_rules, as_yaml, recording_rules
from dashboards.safety import SAFETY
from dashboards.service import SERVICE

__all__ = ["BOARDS", "files", "write"]

BOARDS: Final[tuple[Board, ...]] = (SAFETY, SERVICE, PEOPLE)

_DASHBOARDS: Final = PurePosixPath("grafana/dashboards")
_PROVISIONING: Final = PurePosixPath("grafana/provisioning")
_RULES: Final = PurePosixPath("prometheus")

_SOURCE: Final[Mapping[str, Any]] = {
    "apiVersion": 1,
    "datasources": [
        {
            "name": "Handrail's Prometheus",
            "uid": DATASOURCE,
            "type": "prometheus",
            "access": "proxy",
            "url": "${PROMETHEUS_URL}",
            "jsonData": {"httpMethod": "POST", "timeInterval": "15s"},
            "editable": False,
        }
    ],
}
_PROVIDER: Final[Mapping[str, Any]] = {
    "apiVersion": 1,
    "providers": [
        {
            "name": "handrail",
            "folder": "Handrail",
            "type": "file",
            "allowUiUpdates": False,
            "options": {"path": "${DASHBOARDS_DIR}"},
        }
    ],
}


def files() -> dict[PurePosixPath, str]:
    """Each file's path below the output folder, and its text."""
    built = {_DASHBOARDS / f"{board.uid}.json": dashboard_json(board) for board in BOARDS}
    built[_PROVISIONING / "datasources" / "handrail.yaml"] = as_yaml(_SOURCE)
    built[_PROVISIONING / "dashboards" / "handrail.yaml"] = as_yaml(_PROVIDER)
    built[_RULES / "handrail.recording.yaml"] = recording_rules()
    built[_RULES / "handrail.alerts.yaml"] = alert_rules()
    return built


def write(folder: Path) -> list[Path]:
    """Writes them below ``folder``, over what is there; what they do not replace stays. Raises ``OSError``."""
    written = []
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        written.append(path)
    return written
