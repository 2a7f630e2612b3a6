"""What the gateway counts starts from zero, whatever it may be, and the records' absence is told as that."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import guard.gateway
from guard.errors import RecordsUnavailable
from guard.gateway.api import create_api
from guard.gateway.counts import Counts
from guard.gateway.meters import NoMeters
from guard.records.ids import new_id
from guard.settings import load_settings
from guard.telemetry.metrics import BAD_REQUEST_REASONS, UPSTREAM_REASONS, Metrics
from policies.load import load_policy

OTHERS = {"records_unavailable", "internal_error"}  # answered with 503 and 500, counted among the requests


def test_every_reason_in_the_gateway_starts_from_zero() -> None:
    source = "".join(path.read_text("utf-8") for path in sorted(Path(guard.gateway.__file__).parent.glob("*.py")))
    reasons = set(re.findall(r'reason="(\w+)"', source))
    assert reasons - OTHERS <= {*BAD_REQUEST_REASONS, *UPSTREAM_REASONS}
    assert {*BAD_REQUEST_REASONS} <= reasons


def test_what_a_policy_may_count_starts_from_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    metrics = Metrics()
    policy = load_policy("companion-app")
    Counts(metrics).expect(policy)
    shown: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.render()[0].decode()):
        for sample in family.samples:
            for name in ("rule", "template", "class"):
                if name in sample.labels:
                    assert sample.value == 0
                    shown.setdefault(name, set()).add(sample.labels[name])
    assert shown["rule"] == {rule.id for rule in policy.rules}
    assert {"ccs/abrupt-refusal", "companion/isolation", "ccs/imminent"} <= shown["template"]
    assert {"crisis", "emergency"} <= shown["class"]


async def test_with_the_records_away_a_turn_s_record_is_503_and_not_500(tmp_path: Path) -> None:
    class Away:
        async def authenticate(self, key: str) -> None:
            raise RecordsUnavailable("PostgreSQL is away")

    def page() -> tuple[bytes, str]:
        return b"", "text/plain"

    def health() -> tuple[int, dict[str, Any]]:
        return 200, {}

    settings = load_settings({"data_dir": tmp_path})
    records = cast(Any, Away())
    api = create_api(cast(Any, None), records, settings, NoMeters(), live=health, ready=health, metrics=page)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://x") as client:
        answer = await client.get(f"/v1/turns/{new_id()}", headers={"authorization": "Bearer hr_x"})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "records_unavailable"
