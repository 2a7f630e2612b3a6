"""`handrail policy`: lint, test and schema. Standard output is data only."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from guard.cli.policy_session import Reader

__all__ = ["app"]

app = typer.Typer(help="Policies: what a safety team writes.", no_args_is_help=True)

Paths = Annotated[list[Path], typer.Argument(metavar="PATH…", help="Policy files.", show_default=False)]


class Format(StrEnum):
    """How faults are written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


@app.command()
def lint(
    paths: Paths,
    format: Annotated[Format, typer.Option("--format", help="How faults are written.")] = Format.TEXT,
) -> None:
    """Say everything that is wrong with policies at once. Status 0 without faults, 1 with faults, 2 for wrong usage."""
    from datetime import UTC, datetime

    from policies.lint import lint as find
    from policies.report import as_json, as_sarif, as_text

    linted = find(_files(paths), today=datetime.now(UTC).date())
    if format is Format.JSON:
        typer.echo(as_json(linted.faults), nl=False)
    elif format is Format.SARIF:
        from importlib.metadata import version

        typer.echo(as_sarif(linted.faults, version("handrail")), nl=False)
    else:
        typer.echo(as_text(linted.faults, linted.sources), nl=False)
        word = "fault" if len(linted.faults) == 1 else "faults"
        typer.echo(f"{len(linted.files)} file(s), {len(linted.faults)} {word}", err=True)
    raise typer.Exit(1 if linted.faults else 0)


@app.command()
def test(
    paths: Paths,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write JUnit XML there.", dir_okay=False, show_default=False)
    ] = None,
    fail_under: Annotated[
        float, typer.Option("--fail-under", min=0, max=100, help="Percent of the tests that must pass.")
    ] = 100.0,
) -> None:
    """Run the tests that policies carry, with the real detectors where a turn gives no signals: the shipped model and the
    packs of HANDRAIL_EXTERNAL_MODELS, as the settings have them. Standard error names who read the texts.

    Status 0 when enough pass, 1 when not or when a policy has faults, 2 for wrong usage.
    """
    import orjson

    from guard.cli.policy_session import RealSession
    from policies.errors import PolicyInvalid
    from policies.load import load_policy
    from policies.test import as_json, as_junit, passed_share, run_tests

    results, covered = [], dict[str, set[str]]()
    reader: Reader | None = None
    faulty = False
    for path in _files(paths):
        try:
            policy = load_policy(path)
        except PolicyInvalid as invalid:
            typer.echo(str(invalid), err=True)
            faulty = True
            continue
        if reader is None and any(turn.signals is None for test in policy.tests for turn in test.turns):
            from guard.cli.options import settings_from
            from guard.cli.policy_session import Reader

            reader = Reader.of(settings_from())
        found, ways = run_tests(policy, RealSession, reader)
        results += found
        for rule, how in ways.items():
            covered.setdefault(rule, set()).update(how)
    if reader is not None:
        typer.echo(f"texts were read by {', '.join(reader.names)}", err=True)
        for name, failures in reader.failures.items():
            typer.echo(f"{name} failed {failures} time(s); what it should have said was missing or a lower tier's", err=True)
    if junit is not None:
        junit.write_bytes(as_junit(results))
    summary = as_json(results, covered)
    if json:
        typer.echo(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())
    else:
        for result in results:
            if not result.passed:
                typer.echo(f"{result.file}:{result.line}: {result.name}: {result.message}")
        untested = ", ".join(summary["coverage"]["untested"])
        typer.echo(f"{summary['passed']} passed, {summary['failed']} failed", err=True)
        if untested:
            typer.echo(f"rules that no test made fire: {untested}", err=True)
    raise typer.Exit(1 if faulty or passed_share(results) < fail_under else 0)


@app.command()
def schema() -> None:
    """Print the JSON Schema (2020-12) of a policy file, for editors."""
    import orjson

    from policies.schema import schema as build

    typer.echo(orjson.dumps(build(), option=orjson.OPT_INDENT_2).decode())


def _files(paths: list[Path]) -> list[Path]:
    """The files that are named; wrong usage where one is not there."""
    for path in paths:
        if path.is_dir():
            raise typer.BadParameter(f"{path} is a folder; name policy files, such as {path / '*.yaml'}", param_hint="PATH…")
        if not path.is_file():
            raise typer.BadParameter(f"{path}: there is no such file", param_hint="PATH…")
    return paths
