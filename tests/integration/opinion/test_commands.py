"""Commands about second opinions say what leaves the house and why nothing is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from guard.cli.doctor import Finding, Grade, findings
from guard.cli.main import app
from guard.errors import HandrailError
from guard.settings import load_settings
from guard.turns.contract import Identity
from tests.integration.opinion.endpoint import status
from tests.integration.opinion.office import Office


@pytest.fixture
def tenant(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """A tenant of an installation that is told by variables, as an operator would."""
    monkeypatch.setenv("HANDRAIL_DATA_DIR", str(office.folder))
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", office.url)
    for name in ("URL", "MODEL", "KEY"):
        monkeypatch.delenv(f"HANDRAIL_OPINION_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return office.tenant(on=False)


def _point(monkeypatch: pytest.MonkeyPatch, office: Office) -> None:
    monkeypatch.setenv("HANDRAIL_OPINION_URL", office.endpoint.url)
    monkeypatch.setenv("HANDRAIL_OPINION_MODEL", "second-1")
    monkeypatch.setenv("HANDRAIL_OPINION_KEY", "sk-test")


def _run(*arguments: str, exit_code: int = 0) -> Any:
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == exit_code, done.output
    return done


def _doctor() -> list[Finding]:
    return [finding for finding in findings(load_settings()) if finding.what == "opinions"]


def test_to_switch_it_on_is_said_audited_and_shown(
    office: Office, tenant: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    _point(monkeypatch, office)
    assert "leaves this house, redacted, for 127.0.0.1" in _run("tenant", "set", tenant.name, "--opinion", "on").stderr
    assert "text goes out for them, since" in _run("tenant", "show", tenant.name).stdout
    says = [finding.says for finding in _doctor()]
    assert says == [f"text of tenant {tenant.name} leaves this house, redacted, for 127.0.0.1 (second-1)"]
    since = office.world.rows("select opinion_since from tenants where id = %s", tenant.tenant_id)
    _run("tenant", "set", tenant.name, "--opinion", "on")
    assert office.world.rows("select opinion_since from tenants where id = %s", tenant.tenant_id) == since
    _run("tenant", "set", tenant.name, "--opinion", "off")
    audited = office.world.rows("select detail from audit_log where tenant_id = %s order by seq", tenant.tenant_id)
    assert [one["detail"] for one in audited] == [
        {"opinion": True, "opinion_before": False},
        {"opinion": False, "opinion_before": True},
    ]
    assert "sk-test" not in str(audited)


def test_what_still_keeps_it_from_being_asked_is_said(
    office: Office, tenant: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _doctor() == [], "nothing is said of what nobody wants"
    bare = office.world.tenant(store_text=False)
    notes = _run("tenant", "set", bare.name, "--opinion", "on").stderr
    assert "once HANDRAIL_OPINION_URL is set" in notes
    assert f"handrail tenant set {bare.name} --store-text" in notes
    assert [finding.says for finding in _doctor()] == [
        f"they are on for tenant {bare.name}, but HANDRAIL_OPINION_URL is not set"
    ]
    monkeypatch.setenv("HANDRAIL_OPINION_URL", office.endpoint.url)
    (finding,) = _doctor()
    assert finding.grade is Grade.BAD
    assert "HANDRAIL_OPINION_MODEL" in finding.says
    assert "HANDRAIL_OPINION_MODEL" in _run("tenant", "set", bare.name, "--opinion", "on").stderr
    _point(monkeypatch, office)
    assert "stores no text" in _doctor()[0].says
    _run("tenant", "set", bare.name, "--opinion", "off")
    assert "they are on for no tenant" in _doctor()[0].says


def test_an_endpoint_that_is_left_alone_is_a_fault(
    office: Office, tenant: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    _point(monkeypatch, office)
    office.turn(office.tenant(), user="grey")
    office.endpoint.behaviours.append(status(401))
    office.go()
    finding = _doctor()[-1]
    assert (finding.grade, finding.says) == (
        Grade.BAD,
        "the endpoint is left alone for a while: the endpoint does not take HANDRAIL_OPINION_KEY (401)",
    )
    assert "(401)" in _run("opinion", "list", "--state", "asked").stdout


def test_wrong_words_are_refused_with_what_may_be(office: Office, tenant: Identity) -> None:
    refused = _run("opinion", "list", "--state", "lost", exit_code=2).stderr
    assert "answered" in refused, "folded at the width of the screen"
    for arguments in (("show", str(uuid4())), ("list", "--tenant", "nobody"), ("agreement", "--tenant", "nobody")):
        with pytest.raises(HandrailError, match="there is no"):
            _run("opinion", *arguments)
    assert "none yet" in _run("opinion", "agreement", "--tenant", tenant.name).stdout
