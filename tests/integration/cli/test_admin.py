"""Commands about the records, against a real database."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from guard.cli.main import app
from guard.errors import HandrailError
from guard.records.admin import channel_secret
from guard.records.encryption import wrap_new
from guard.records.keys import Keys
from guard.records.pool import Database
from guard.records.tenants import TenantKeys


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder: one for the database, as its master key is one."""
    return tmp_path_factory.mktemp("place") / "data"


@pytest.fixture
def place(home: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder and a database, told by variables as an operator would."""
    monkeypatch.setenv("HANDRAIL_DATA_DIR", str(home))
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    return home


def run(*arguments: str, status: int = 0) -> str:
    """Standard output of a command of this process."""
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == status, done.output
    return done.stdout


def notes(*arguments: str) -> str:
    """Standard error of a command of this process that goes well."""
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stderr


def refusal(*arguments: str) -> str:
    """The sentence with which a command of this process is refused."""
    with pytest.raises(HandrailError) as caught:
        CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return str(caught.value)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command as a process of its own, errors and all."""
    return subprocess.run(
        [sys.executable, "-m", "guard.cli.main", *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_tenant_its_keys_and_their_end(place: Path, database_url: str) -> None:
    """Made, listed by their beginnings only, revoked."""
    first = run("tenant", "create", "clinic", "--people", "hours", "--store-text").splitlines()[-1]
    second = run("key", "create", "--tenant", "clinic").splitlines()[-1]
    assert re.fullmatch(r"hr_[\w-]{32}", first)
    assert first != second
    assert re.search(r"clinic +hours +kept", run("tenant", "list"))
    listed = run("key", "list", "--tenant", "clinic")
    assert first not in listed
    assert first[:9] in listed
    key_id = re.findall(r"[0-9a-f-]{36}", listed)[0]
    run("key", "revoke", key_id, "--tenant", "clinic")
    with psycopg.connect(database_url) as connection:
        found = connection.execute("select count(*) from api_keys where revoked_at is not null").fetchone()
    assert found == (1,)


def test_a_tenant_says_what_goes_to_its_chatbot(place: Path) -> None:
    """Off unless it is asked for; shown; refused where it is no word for it."""
    run("tenant", "create", "quiet", "--redact-upstream", "strict")
    run("tenant", "create", "plain")
    assert re.search(r"upstream +with pseudonyms; nothing while", run("tenant", "show", "quiet"))
    assert re.search(r"upstream +as received", run("tenant", "show", "plain"))
    run("tenant", "set", "plain", "--redact-upstream", "on")
    assert re.search(r"upstream +with pseudonyms; with those", run("tenant", "show", "plain"))
    assert "redact_upstream_before" in run("audit", "show", "--tenant", "plain", "--json")
    assert "give one of off, on, strict" in refusal("tenant", "set", "plain", "--redact-upstream", "perhaps")


def test_a_tenant_s_text_is_destroyed_after_a_question_and_on_record(place: Path, database_url: str) -> None:
    """A no, and a mistyped name, destroy nothing; a second time does nothing and is no second row."""
    run("tenant", "create", "coast", "--store-text")
    run("tenant", "create", "cliff", "--store-text")
    run("tenant", "create", "bare")
    with psycopg.connect(database_url, autocommit=True) as connection:
        for (tenant_id,) in connection.execute("select id from tenants where name in ('coast', 'cliff')").fetchall():
            data_key = wrap_new(Keys.load(place), tenant_id)
            connection.execute(
                "insert into data_keys (tenant_id, id, wrapped) values (%s, %s, %s)",
                [tenant_id, data_key.id, data_key.wrapped],
            )
        _case(connection, "coast", told_at=None)

    def keys(tenant: str) -> list[bool]:
        """Of each data key of a tenant, whether it can be used."""
        with psycopg.connect(database_url) as connection:
            rows = connection.execute(
                "select wrapped is not null from data_keys k join tenants t on t.id = tenant_id where t.name = %s", [tenant]
            ).fetchall()
        return [bool(usable) for (usable,) in rows]

    destroy = ("tenant", "destroy-text", "coast")
    said = CliRunner().invoke(app, destroy, input="n\n")
    assert said.exit_code == 1
    assert "1 of its cases are not closed" in said.stderr
    assert "All text, notes and pseudonyms of tenant coast" in said.stderr
    assert CliRunner().invoke(app, destroy, input="").exit_code == 1, "where nobody can answer"
    assert "did you mean coast?" in refusal("tenant", "destroy-text", "coasts", "--yes")
    assert keys("coast") == [True]
    assert "text.destroyed" not in _actions(database_url, "coast")

    agreed = CliRunner().invoke(app, destroy, input="y\n", catch_exceptions=False)
    assert agreed.exit_code == 0
    assert "is unreadable from now on" in agreed.stdout
    assert "handrail tenant set coast --no-store-text" in agreed.stderr
    assert (keys("coast"), keys("cliff")) == ([False], [True])
    for tenant in ("coast", "bare"):
        assert "nothing to destroy" in run("tenant", "destroy-text", tenant)  # there is nothing to ask about
    assert _actions(database_url, "coast")[-1] == "text.destroyed"
    assert _actions(database_url, "coast").count("text.destroyed") == 1
    assert "text.destroyed" not in _actions(database_url, "bare")
    assert "is unreadable" in run("tenant", "destroy-text", "cliff", "--yes")
    assert keys("cliff") == [False]


def test_a_reviewer_gets_a_password_of_their_own(place: Path) -> None:
    """Shown once and never again."""
    run("tenant", "create", "school")
    password = run("reviewer", "create", "ada", "--tenant", "school").splitlines()[-1]
    assert len(password) == 20
    listed = run("reviewer", "list", "--tenant", "school")
    assert "ada" in listed
    assert password not in listed


def test_a_channel_is_sealed_with_the_installation_s_key(place: Path, database_url: str) -> None:
    """The secret is shown once; the database has it only sealed."""
    run("tenant", "create", "office")
    added = run("channel", "add", "desk", "https://example.org/hook", "--tenant", "office", "--severity-from", "2")
    secret = added.splitlines()[-1]
    assert secret.startswith("whsec_")
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select secret, severity_from from channels where name = 'desk'").fetchone()
    assert row is not None
    assert secret.encode() not in bytes(row[0])
    assert row[1] == 2
    assert "https://example.org/hook" in run("channel", "list", "--tenant", "office")


def test_the_database_says_that_it_is_up_to_date(place: Path) -> None:
    """Migrated already: nothing to do, nothing waits."""
    assert "up to date" in run("db", "migrate")
    assert "waiting" not in run("db", "status")


def test_a_database_without_tables_is_a_sentence_with_what_to_do(
    tmp_path: Path, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 1 on standard error, no traceback; `db status` says what waits; `db migrate` mends it."""
    monkeypatch.setenv("HANDRAIL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", empty_database_url)
    done = command("tenant", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the database has no tables yet; run: handrail db migrate\n"
    assert "waiting" in run("db", "status", status=1)
    assert "applied" in run("db", "migrate")
    assert "none yet" in run("tenant", "list")


def test_a_role_that_nobody_can_have_is_refused(place: Path) -> None:
    """With the roles that there are; the reviewer is not made."""
    run("tenant", "create", "court")
    done = command("reviewer", "create", "eve", "--role", "king", "--role", "auditor", "--tenant", "court")
    assert done.returncode == 1
    assert done.stderr == "error: roles are operator, policy_author, reviewer, sre, auditor; there is no king\n"
    assert "eve" not in run("reviewer", "list", "--tenant", "court")
    run("reviewer", "create", "eve", "--role", "policy-author", "--role", "auditor", "--tenant", "court")
    assert "policy_author, auditor" in run("reviewer", "list", "--tenant", "court")


def test_people_without_a_channel_are_told_that_nobody_is_told(place: Path) -> None:
    """On standard error: standard output ends with the key. A tenant without people needs no channel."""
    done = command("tenant", "create", "ward", "--people", "always")
    assert "handrail channel add NAME URL --tenant ward" in done.stderr
    assert done.stdout.splitlines()[-1].startswith("hr_")
    assert command("tenant", "create", "lab").stderr == ""


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://203.0.113.7/hook", "is plain http; use https"),
        ("https://user:pw@example.org/hook", "carries credentials"),
        ("https://10.0.0.1/hook", "loopback, private or reserved"),
        ("https://[::1]/hook", "loopback, private or reserved"),
        ("ftp://example.org/hook", "must be https://host/path"),
    ],
)
def test_an_address_that_deliveries_would_refuse_is_refused_when_it_is_added(place: Path, url: str, words: str) -> None:
    """By the same code, so with the same sentence; nothing is stored, no password is repeated."""
    CliRunner().invoke(app, ["tenant", "create", "depot"])
    done = command("channel", "add", "desk", url, "--tenant", "depot")
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "pw" not in done.stderr
    assert "none yet" in run("channel", "list", "--tenant", "depot")


def test_the_setting_that_lets_deliveries_reach_private_addresses_counts_at_add_too(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the worker reads it."""
    monkeypatch.setenv("HANDRAIL_ALLOW_PRIVATE_WEBHOOKS", "true")
    run("tenant", "create", "cellar")
    run("channel", "add", "desk", "http://127.0.0.1:9/hook", "--tenant", "cellar")
    assert "http://127.0.0.1:9/hook" in run("channel", "list", "--tenant", "cellar")


def test_failures_and_cases_that_nobody_heard_of_are_shown(place: Path, database_url: str) -> None:
    """In the list as a code, by the doctor as sentences; a delivery that succeeds afterwards ends it."""
    for name, people in (("north", "always"), ("south", "hours"), ("west", "none")):
        run("tenant", "create", name, "--people", people)
    run("channel", "add", "desk", "https://192.0.43.8/hook", "--tenant", "north")
    with psycopg.connect(database_url, autocommit=True) as connection:
        _delivery(connection, "north", age=120, state="pending", error="tls_failed")
        _case(connection, "north", told_at=2)
        _case(connection, "west", told_at=None)
    assert re.search(r"desk .* on +tls_failed", run("channel", "list", "--tenant", "north"))
    said = CliRunner().invoke(app, ["doctor"]).stdout
    assert re.search(r"fault +channels +desk of tenant north failed .*: the receiver's certificate", said)
    assert "tenant south has people, but no channel" in said
    assert "tenant west has people" not in said
    assert re.search(r"fault +cases +tenant north: no channel told of 1 open case of severity 3", said)
    assert re.search(r"look +cases +tenant west: no channel told of 1 open case", said)
    with psycopg.connect(database_url, autocommit=True) as connection:
        _delivery(connection, "north", age=60, state="delivered", error=None)
        connection.execute("update case_events set severity = 3 where kind = 'notified'")
    assert "tls_failed" not in run("channel", "list", "--tenant", "north")
    said = CliRunner().invoke(app, ["doctor"]).stdout
    assert "tenant north" not in said


def _delivery(connection: psycopg.Connection[Any], tenant: str, *, age: int, state: str, error: str | None) -> None:
    """One message of ``age`` seconds to the tenant's channel, and what became of it."""
    connection.execute(
        """
        with message as (
            insert into outbox (tenant_id, id, key, topic, payload, relayed_at)
            select id, gen_random_uuid(), gen_random_uuid()::text, 'case.opened', '{}', now()
            from tenants where name = %(tenant)s
            returning tenant_id, id
        )
        insert into deliveries (tenant_id, outbox_id, channel_id, state, attempts, last_error, created_at)
        select m.tenant_id, m.id, c.id, %(state)s, 1, %(error)s, now() - make_interval(secs => %(age)s)
        from message m join channels c on c.tenant_id = m.tenant_id
        """,
        {"tenant": tenant, "age": age, "state": state, "error": error},
    )


def _case(connection: psycopg.Connection[Any], tenant: str, *, told_at: int | None) -> None:
    """A case of severity 3, an hour old; ``told_at``: the severity at which a channel told of it, if one did."""
    connection.execute(
        """
        with made as (
            insert into cases (tenant_id, id, case_key, first_turn, last_turn, severity, assigned_to, opened_at, raised_at,
                acknowledge_by, act_by)
            select id, gen_random_uuid(), sha256(name::bytea), gen_random_uuid(), gen_random_uuid(), 3, 'team',
                at, at, at, at
            from tenants, (select now() - interval '1 hour' as at) as hour where name = %(tenant)s
            returning tenant_id, id
        )
        insert into case_events (tenant_id, case_id, id, key, kind, at, severity)
        select tenant_id, id, gen_random_uuid(), 'notified:x', 'notified', now(), %(told)s from made
        where %(told)s::smallint is not null
        """,
        {"tenant": tenant, "told": told_at},
    )


def test_a_tenant_is_changed_and_only_where_it_was_asked(place: Path, database_url: str) -> None:
    """What is not given stays; what cannot be changes nothing."""
    run("tenant", "create", "harbour", "--tag", "eu")
    link = "https://own.example.org/c/{session}"
    run("tenant", "set", "harbour", "--people", "always", "--store-text", "--deep-link", link)
    run("tenant", "set", "harbour", "--off", "distress", "--off", "emotion.joy", "--screens")
    shown = run("tenant", "show", "harbour")
    for line in (
        "people +always",
        "text +kept",
        "deep link +https://own.example.org",
        "tag +eu",
        "signals off +distress, emotion.joy",
        "screens +read, for reviewers",
    ):
        assert re.search(line, shown), line
    run("tenant", "set", "harbour", "--no-store-text", "--deep-link", "", "--none-off", "--no-screens")
    shown = run("tenant", "show", "harbour")
    for line in ("people +always", "text +not kept", "deep link +none", "signals off +none", "screens +not read"):
        assert re.search(line, shown), line
    run("tenant", "set", "harbour", "--off", "intima.*", "--off", "distress")
    assert "intima.name" in (shown := run("tenant", "show", "harbour"))
    assert "distress" in shown
    with psycopg.connect(database_url, autocommit=True) as connection:  # as an earlier version let it be
        connection.execute("update tenants set off = '{risk.suicide}' where name = 'harbour'")
    run("tenant", "set", "harbour", "--tag", "eu-2")
    assert re.search("signals off +none", run("tenant", "show", "harbour"))
    run("tenant", "set", "harbour", "--tag", "eu", "--none-off")
    before = _rows(database_url, "harbour")
    for arguments, words in (
        (("--people", "sometimes"), "people is 'sometimes'; give one of none, hours, always"),
        (("--off", "distres"), "there is no signal 'distres'; did you mean distress?"),
        (("--off", "risk.suicide"), "risk.suicide is for safety and is always read; what may be off: emotion.*, distress,"),
        (("--deep-link", "ftp://example.org"), "a deep link is an http or https address"),
        (("--deep-link", "https://user:pw@example.org"), "without a user or password"),
        (("--tag", "x" * 64), "a tag has at most 63"),
    ):
        assert words in refusal("tenant", "set", "harbour", *arguments)
    assert CliRunner().invoke(app, ["tenant", "set", "harbour"]).exit_code == 2
    run("tenant", "set", "harbour", "--people", "always")  # as it is already: nothing to note
    assert _rows(database_url, "harbour") == before
    assert refusal("tenant", "show", "harbor") == "there is no tenant 'harbor'; did you mean harbour?"


def test_a_tenant_that_is_disabled_is_refused_until_it_is_enabled(place: Path, database_url: str) -> None:
    """Its keys open nothing; twice is an error; nothing is lost."""
    key = run("tenant", "create", "dock").splitlines()[-1]

    async def opens() -> bool:
        database = Database(database_url, seconds=5.0, connections=1)
        await database.open()
        try:
            return await TenantKeys(database).authenticate(key) is not None
        finally:
            await database.close()

    assert asyncio.run(opens())
    run("tenant", "disable", "dock")
    assert not asyncio.run(opens())
    assert "tenant 'dock' is disabled already" in refusal("tenant", "disable", "dock")
    assert re.search(r"dock .* \d{4}-\d\d-\d\d", run("tenant", "list"))
    run("tenant", "enable", "dock")
    assert asyncio.run(opens())
    actions = _actions(database_url, "dock")
    assert actions == ["tenant.created", "key.created", "tenant.disabled", "tenant.enabled"]


def test_what_has_a_past_is_disabled_and_what_has_none_goes(place: Path, database_url: str) -> None:
    """A tenant with a turn, and a channel that was told something, stay on record."""
    for name in ("used", "unused"):
        run("tenant", "create", name, "--people", "always")
        run("reviewer", "create", "ada", "--tenant", name)
        for channel in ("desk", "spare"):
            run("channel", "add", channel, "https://192.0.43.8/hook", "--tenant", name)
    with psycopg.connect(database_url, autocommit=True) as connection:
        _case(connection, "used", told_at=None)
        _delivery(connection, "used", age=1, state="delivered", error=None)
        connection.execute("delete from deliveries where channel_id in (select id from channels where name = 'spare')")
    assert "stays on record" in run("channel", "remove", "desk", "--tenant", "used")
    assert run("channel", "remove", "spare", "--tenant", "used") == "channel spare is removed\n"
    assert re.search(r"desk .* removed", run("channel", "list", "--tenant", "used"))
    said = refusal("channel", "add", "desk", "https://192.0.43.8/other", "--tenant", "used")
    assert "it was removed and can be had again: handrail channel enable desk" in said
    assert "its turns and cases stay on record" in run("tenant", "remove", "used")
    assert "is removed" in run("tenant", "remove", "unused")
    listed = run("tenant", "list")
    assert "used" in listed
    assert "unused" not in listed
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select count(*) from cases c join tenants t on t.id = c.tenant_id where t.name = 'used'")
        assert row.fetchone() == (1,)


def test_a_channel_is_changed_switched_and_given_a_new_secret(place: Path, database_url: str) -> None:
    """The address by the rules of adding; both secrets sign for as long as was asked."""
    run("tenant", "create", "mill", "--people", "always")
    first = run("channel", "add", "desk", "https://192.0.43.8/hook", "--tenant", "mill", "--rung", "2").splitlines()[-1]
    post = ("channel", "add", "post", "mailto:on-call@example.org", "--tenant", "mill", "--topic", "case.opened")
    assert "set HANDRAIL_SMTP_URL" in notes(*post)
    run(
        "channel",
        "set",
        "desk",
        "--url",
        "https://192.0.43.8/new",
        "--severity-from",
        "3",
        "--rung",
        "1",
        "--tenant",
        "mill",
    )
    run("channel", "set", "post", "--url", "night@example.org", "--tenant", "mill")
    listed = run("channel", "list", "--tenant", "mill")
    assert re.search(r"desk +https://192.0.43.8/new +case.opened, case.raised, alert.opened +3 +1 +on", listed)
    assert re.search(r"post +mailto:night@example.org +case.opened +0 +1 +on", listed)
    for arguments, words in (
        (("--url", "https://10.0.0.1/"), "loopback, private or reserved"),
        (("--url", "mailto:x@example.org"), "a channel of kind webhook needs an address that begins with https"),
        (("--topic", "case.open"), "there is no case.open; did you mean case.opened?"),
    ):
        assert words in refusal("channel", "set", "desk", *arguments, "--tenant", "mill")
    second = run("channel", "rotate-secret", "desk", "--overlap", "2", "--tenant", "mill").splitlines()[-1]
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "select tenant_id, secret, previous_secret from channels where name = 'desk' and tenant_id = "
            "(select id from tenants where name = 'mill')"
        ).fetchone()
    assert row is not None
    keys = Keys.load(place)
    assert [channel_secret(keys, row[0], bytes(sealed)) for sealed in row[1:]] == [second, first]
    assert "has no signing secret" in refusal("channel", "rotate-secret", "post", "--tenant", "mill")
    assert notes("channel", "disable", "desk", "--tenant", "mill") == ""
    assert "no channel is left that tells them of a case" in notes("channel", "disable", "post", "--tenant", "mill")
    assert "is off already (operator)" in refusal("channel", "disable", "post", "--tenant", "mill")
    run("channel", "enable", "desk", "--tenant", "mill")
    assert "is on already" in refusal("channel", "enable", "desk", "--tenant", "mill")
    assert "did you mean desk?" in refusal("channel", "enable", "dask", "--tenant", "mill")
    actions = [action for action in _actions(database_url, "mill") if action.startswith("channel")]
    assert actions == [
        "channel.added", "channel.changed", "channel.added", "channel.changed", "channel.changed", "channel.changed",
        "channel.secret_rotated", "channel.disabled", "channel.disabled", "channel.enabled",
    ]  # fmt: skip
    with psycopg.connect(database_url) as connection:
        dump = str(connection.execute("select l::text from audit_log l").fetchall())
    for secret in (first, second, "/hook", "/new", "night"):
        assert secret not in dump, "a secret, a path that may hold a token, or a person's mailbox"


def test_a_reviewer_is_changed_and_signed_out(place: Path, database_url: str) -> None:
    """Each change ends their sessions; a password does not let in who is disabled."""
    run("tenant", "create", "ward-two")
    run("reviewer", "create", "ada", "--tenant", "ward-two")
    own = ("--tenant", "ward-two")

    def signed_in() -> bool:
        """Whether somebody was, before the change that was just made."""
        with psycopg.connect(database_url, autocommit=True) as connection:
            there = connection.execute("select count(*) from review_sessions").fetchone()
            connection.execute(
                "insert into review_sessions (tenant_id, id, reviewer_id, digest, started_at, seen_at, expires_at) "
                "select tenant_id, gen_random_uuid(), id, sha256(gen_random_uuid()::text::bytea), now(), now(), now() "
                "from reviewers where name = 'ada' and tenant_id = (select id from tenants where name = 'ward-two')"
            )
        return there != (0,)

    assert not signed_in()
    for arguments in (
        ("set-roles", "ada", "auditor", "policy-author"),
        ("reset-totp", "ada"),
        ("disable", "ada"),
        ("reset-password", "ada"),
        ("enable", "ada"),
    ):
        said = run("reviewer", *arguments, *own)
        assert not signed_in(), arguments
        if arguments[0] == "reset-password":
            assert len(said.splitlines()[-1]) == 20
            assert re.search(r"ada .* \d{4}-.* \d{4}-", run("reviewer", "list", *own)), "made, and still disabled"
    assert "auditor, policy_author" in run("reviewer", "list", *own)
    for wrong, words in (
        (("set-roles", "ada", "audito"), "there is no audito; did you mean auditor?"),
        (("enable", "ada"), "reviewer 'ada' is in force already"),
        (("disable", "adda"), "there is no reviewer 'adda'; did you mean ada?"),
        (("reset-totp", "nobody-near"), "there is no reviewer 'nobody-near'"),
    ):
        assert words in refusal("reviewer", *wrong, *own)
    assert _actions(database_url, "ward-two")[2:] == [
        "reviewer.created", "reviewer.roles_set", "reviewer.totp_reset", "reviewer.disabled", "reviewer.password_reset",
        "reviewer.enabled",
    ]  # fmt: skip


def test_people_who_would_have_nothing_to_judge_are_warned_of(place: Path) -> None:
    """Neither text nor a link; either is enough, and a policy that hands nothing over asks for neither."""
    words = "they would have nothing to judge; run: handrail tenant set blind --store-text, or --deep-link URL"
    assert words in notes("tenant", "create", "blind", "--people", "hours")
    assert re.search(r"look +evidence +tenants? .*blind", CliRunner().invoke(app, ["doctor"]).stdout)
    assert words not in notes("tenant", "set", "blind", "--deep-link", "https://own.example.org/c")
    assert "blind" not in CliRunner().invoke(app, ["doctor"]).stdout.partition("evidence")[2].partition("\n")[0]
    assert words in notes("tenant", "set", "blind", "--deep-link", "")
    assert words not in notes("tenant", "set", "blind", "--store-text")


def test_a_second_master_key_is_refused(
    place: Path, tmp_path: Path, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever mistypes the data folder gets a sentence, and neither a key nor a channel whose secret nobody can open."""
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", empty_database_url)
    run("db", "migrate")
    run("tenant", "create", "one")
    add = ("channel", "add", "desk", "https://192.0.43.8/hook", "--tenant", "one")
    run(*add)
    elsewhere = tmp_path / "elsewhere"
    again = ("channel", "add", "second", *add[3:], "--data-dir", str(elsewhere))
    assert f"whose master.key is not in {elsewhere}" in refusal(*again)
    assert not elsewhere.exists()
    Keys.load(elsewhere)
    assert "is not the one that this database was written with" in refusal(*again)
    rotate = ("channel", "rotate-secret", "desk", "--tenant", "one", "--data-dir", str(elsewhere))
    assert "is not the one that this database was written with" in refusal(*rotate)
    for process in ("worker", "console"):
        assert "is not the one that this database was written with" in refusal(process, "--data-dir", str(elsewhere))
    said = CliRunner().invoke(app, ["doctor", "--data-dir", str(elsewhere)]).stdout
    assert re.search(r"fault +master key +the master.key in .*elsewhere is not the one", said)
    assert re.search(r"ok +master key", CliRunner().invoke(app, ["doctor"]).stdout)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:  # as an older version left it
        connection.execute("delete from master_keys")
    assert "is not the one" in refusal(*again)
    run("channel", "add", "second", *add[3:])
    assert "desk" in run("channel", "list", "--tenant", "one")


def _actions(database_url: str, tenant: str) -> list[str]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select action from audit_log where tenant_id = (select id from tenants where name = %s) order by seq", [tenant]
        ).fetchall()
    return [str(action) for (action,) in rows]


def _rows(database_url: str, tenant: str) -> int:
    return len(_actions(database_url, tenant))


@pytest.mark.parametrize("arguments", [
    ("tenant", "list"), ("tenant", "create", "new"), ("key", "list"), ("reviewer", "list"), ("channel", "list"),
    ("channel", "add", "desk", "https://example.org/hook"), ("db", "status"),
])  # fmt: skip
def test_a_folder_without_an_installation_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """A mistyped folder does not become an installation of its own."""
    monkeypatch.delenv("HANDRAIL_DATABASE_URL", raising=False)
    elsewhere = tmp_path / "elsewhere"
    done = command(*arguments, "--data-dir", str(elsewhere))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: there is no installation at {elsewhere}; start one with `handrail up`, or give --data-dir\n"
    )
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("key", "list", "--tenant", "nobody"), 1, "there is no tenant 'nobody'"),
        (("tenant", "create", "Not A Name"), 1, "small letters"),
        (("channel", "add", "x", "ftp://example.org"), 1, "there is no tenant 'default'"),
        (("key", "revoke", "not-a-uuid"), 2, "UUID"),
        (("tenant", "create"), 2, "Missing argument"),
        (("nothing",), 2, "No such command"),
    ],
)
def test_mistakes_are_sentences(place: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    """Wrong usage is status 2, everything else 1; never a traceback."""
    done = command(*arguments)
    assert done.returncode == status, done
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_without_an_address_the_embedded_database_is_started_for_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And stopped after it; the next command finds what it did."""
    monkeypatch.setenv("HANDRAIL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("HANDRAIL_DATABASE_URL", raising=False)
    assert command("db", "migrate").returncode == 0
    assert command("tenant", "create", "small").returncode == 0
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()
    done = command("tenant", "list")
    assert "small" in done.stdout, done.stderr
