"""What `handrail up` shows: how it starts, where it is, and the turns as they pass. Calm on a terminal, plain in a log."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from guard.supervise.feed import TurnLine
from guard.supervise.process import Incident

__all__ = ["Place", "Screen"]

_ACTION_STYLES: Final = {
    "allow": "dim", "observe": "dim", "guide": "cyan", "append": "blue", "revise": "blue", "trim": "yellow",
    "complete": "magenta", "pause": "yellow",
}  # fmt: skip
_RULES: Final = 2  # that a line names; the rest is a number, and in the record
_SEVERITY_STYLES: Final = ("dim", "default", "cyan", "yellow", "bold red")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a Handrail that runs can be reached, and with what. ``model``: one that the upstream has, if that is known.
    ``tenant``: the one that the first reviewer belongs to; ``reviewer_file``: with name and password, where it has them."""

    address: str
    upstream: str
    policy: str
    key: str
    key_file: Path
    reviewer_file: Path | None
    tenant: str
    model: str | None
    notes: tuple[str, ...] = ()


class Screen:
    """Writes to ``console``, which is standard output."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._turns = 0

    def step(self, words: str) -> None:
        """Something is being started."""
        self._line(Text(f"  {words}", style="dim"))

    def ready(self, place: Place, seconds: float) -> None:
        """Everything runs."""
        self._line(Text())
        self._line(Text.assemble("  ", ("Handrail", "bold"), f" is up after {seconds:.1f} s"))
        self._line(Text())
        reviewer = f", name and password in {place.reviewer_file}" if place.reviewer_file is not None else ""
        rows = [
            ("gateway", f"{place.address}/v1", "an OpenAI client's base_url"),
            ("health", f"{place.address}/readyz", ""),
            ("upstream", place.upstream, ""),
            ("policy", place.policy, ""),
            ("key", place.key, f"also in {place.key_file}"),
            ("console", f"{place.address}/review", f"tenant {place.tenant}{reviewer}"),
        ]
        for name, value, note in rows:
            self._line(Text.assemble("  ", (f"{name:<10}", "dim"), value, (f"  {note}" if note else "", "dim")))
        self._line(Text())
        for note in place.notes:
            self._line(Text(f"  {note}", style="yellow"))
        if place.notes:
            self._line(Text())
        self._line(Text("  Try it, in another terminal:", style="dim"))
        self._line(Text())
        for line in curl(place):
            self._line(Text(line))
        self._line(Text())
        self._line(Text("  Turns as they pass; Ctrl-C stops everything.", style="dim"))
        self._line(Text())

    def turn(self, line: TurnLine) -> None:
        """One turn has passed."""
        if self._turns % 40 == 0:
            head = f"  {'time':<8}  {'turn':<36}  {'action':<8}  {'status':<8}  sev  rules that fired"
            self._line(Text(head, style="dim underline"))
        self._turns += 1
        known = (("case", line.case), ("not delivered whole", line.part), ("nothing delivered so far", line.silent))
        marks = [mark for mark, there in known if there]
        marks += [f"attempt {line.attempt}"] if line.attempt > 1 else []
        rules = ", ".join(line.rules[:_RULES]) + (f" +{len(line.rules) - _RULES}" if len(line.rules) > _RULES else "")
        self._line(
            Text.assemble(
                (f"  {line.at.astimezone():%H:%M:%S}  ", "dim"),
                f"{line.id}  ",
                (f"{line.action:<8}", _ACTION_STYLES.get(line.action, "default")),
                (f"  {line.status:<8}", "dim"),
                (f"  {line.severity}", _SEVERITY_STYLES[line.severity]),
                f"    {rules}",
                ("".join(f"  [{mark}]" for mark in marks), "bold" if line.case else "dim"),
            )
        )

    def incident(self, incident: Incident) -> None:
        """A process died or is back."""
        self._line(Text(f"  {incident}", style="green" if incident.back else "yellow"))

    def stopping(self) -> None:
        """The end has begun."""
        self._line(Text("\n  Stopping: turns under way are finished first.", style="dim"))

    def stopped(self, seconds: float) -> None:
        """All processes have ended."""
        self._line(Text(f"  Stopped after {seconds:.1f} s. The data is kept.", style="dim"))

    def _line(self, text: Text) -> None:
        # Never wrapped or cut: a curl that was broken by a narrow terminal could not be pasted.
        with self._console.capture() as captured:
            self._console.print(text, soft_wrap=True, highlight=False)
        with suppress(OSError):  # whoever watched has gone; what runs goes on, and what ends must end in order
            self._console.file.write(captured.get())
            self._console.file.flush()


def curl(place: Place) -> list[str]:
    """A request to paste, one line each."""
    model = place.model or "MODEL"
    return [
        f"  curl {place.address}/v1/chat/completions \\",
        f'    -H "authorization: Bearer {place.key}" -H "content-type: application/json" \\',
        '    -H "x-handrail-session: try-1" -H "x-handrail-user: me" -i \\',
        f"""    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "I had a long day"}}]}}'""",
    ]
