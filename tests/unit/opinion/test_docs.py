"""What the page on second opinions says is so."""

from __future__ import annotations

from pathlib import Path

from guard.cli.opinion import sentence
from guard.opinion.client import LONGEST
from guard.opinion.record import STATES
from guard.settings import Settings
from guard.telemetry.metrics import OPINION_OUTCOMES

_TEXT = (Path(__file__).parents[3] / "docs" / "second-opinion.md").read_text("utf-8")


def test_settings_and_their_defaults() -> None:
    for name in ("opinion_url", "opinion_model", "opinion_key", "opinion_daily", "opinion_timeout"):
        field = Settings.model_fields[name]
        default = "none" if field.default is None else f"{field.default:g}"
        (row,) = [line for line in _TEXT.splitlines() if line.startswith(f"| `HANDRAIL_{name.upper()}`")]
        assert row.endswith(f"| {default} |")


def test_states_outcomes_and_bounds() -> None:
    assert all(f"| `{state}` |" in _TEXT for state in STATES)
    assert all(f"`{outcome}`" in _TEXT for outcome in OPINION_OUTCOMES)
    assert f"over {LONGEST:,} characters" in _TEXT


def test_every_code_has_a_sentence() -> None:
    assert sentence("status_418") == "the endpoint answered 418"
    assert "no text is stored" in sentence("no_text")
    assert sentence("new_code") == "it failed (new_code)"
