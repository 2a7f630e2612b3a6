"""How the demo is shown: on the left what was said, on the right what Handrail noticed, decided and did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from guard.demo.play import Scene, sentences
from guard.demo.script import Conversation, Step

__all__ = ["PlainStage", "Reading", "TerminalStage", "reading"]

_SIGNALS: Final = 5
_SHOWN_FROM: Final = 0.2  # lower scores say nothing to a reader
_QUIET: Final = ("allow", "observe")
_STYLES: Final = {
    "guide": "cyan",
    "append": "blue",
    "revise": "blue",
    "trim": "yellow",
    "complete": "magenta",
    "pause": "yellow",
}


class Reading:
    """What a record says, picked out for showing."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        signals: Mapping[str, Mapping[str, Any]] = record.get("signals") or {}
        numbers = {
            name: float(found["value"])
            for name, found in signals.items()
            if isinstance(found.get("value"), int | float) and not name.startswith(("session.", "emotion.", "reliance"))
        }
        high = sorted(((value, name) for name, value in numbers.items() if _SHOWN_FROM <= value <= 1.0), reverse=True)
        self.signals = tuple((name, value) for value, name in high)[:_SIGNALS]
        self.state = str((signals.get("session.state") or {}).get("value") or "")
        rules = record.get("rules") or []
        self.fired = tuple((rule["id"], int(rule["severity"])) for rule in rules if rule["outcome"] == "fired")
        self.suppressed = tuple((rule["id"], str(rule.get("by") or "")) for rule in rules if rule["outcome"] == "suppressed")
        self.severity = max((severity for _, severity in self.fired), default=0)
        self.action = str(record.get("action") or "unrecorded")
        self.status = str(record.get("status") or "")
        self.case = record.get("case")
        self.referrals = tuple(str(name) for name in _resources(record.get("referrals") or []))


def _resources(referrals: Iterable[Any]) -> Iterable[str]:
    for referral in referrals:
        names = referral.get("resources", ()) if isinstance(referral, Mapping) else (referral,)
        yield from names


def reading(scene: Scene) -> Reading:
    """Of the scene's record."""
    return Reading(scene.record)


class TerminalStage:
    """Side by side, each reply as it streams in. A context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._step: Step | None = None
        self._heard = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._finish()

    def opens(self, conversation: Conversation) -> None:
        """See :class:`~guard.demo.play.Stage`."""
        self._console.print()
        self._console.print(Rule(Text(conversation.title, style="bold"), align="left", style="dim"))
        self._console.print(Text(conversation.shows, style="italic"))
        self._console.print(Text(f"model {conversation.model}", style="dim"))
        self._console.print()

    def says(self, step: Step) -> None:
        """See :class:`~guard.demo.play.Stage`."""
        self._step, self._heard = step, ""
        self._live = Live(self._row(Text()), console=self._console, refresh_per_second=20, transient=False)
        self._live.start()

    def hears(self, piece: str) -> None:
        """See :class:`~guard.demo.play.Stage`."""
        self._heard += piece
        if self._live is not None:
            self._live.update(self._row(Text(self._heard)))

    def scene(self, scene: Scene) -> None:
        """See :class:`~guard.demo.play.Stage`."""
        if self._live is not None:
            self._live.update(self._row(_reply(scene), _verdict(reading(scene))), refresh=True)
        self._finish()

    def closes(self, conversation: Conversation) -> None:
        """See :class:`~guard.demo.play.Stage`."""

    def _finish(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _row(self, reply: RenderableType, verdict: RenderableType | None = None) -> RenderableType:
        table = Table.grid(expand=True, padding=(0, 2))
        table.add_column(ratio=3)
        table.add_column(ratio=2)
        said = Text(self._step.say if self._step else "")
        left = Table.grid(padding=(0, 1))
        left.add_column(style="dim", width=7, justify="right")
        left.add_column()
        left.add_row("person", said)
        left.add_row("reply", reply)
        table.add_row(left, verdict or Text("…", style="dim"))
        return Padding(table, (0, 0, 1, 0))


def _reply(scene: Scene) -> RenderableType:
    """The reply as it reached the person, what is Handrail's marked; under it what the chatbot had meant to say."""
    added = set(scene.added)
    text = Text()
    for sentence in sentences(scene.said):
        text.append(sentence + " ", style="magenta" if sentence in added else "")
    if not scene.withheld:
        return text
    held = Text.assemble(("held back  ", "dim"), (" ".join(scene.withheld), "dim strike"))
    return Group(text, held)


def _verdict(read: Reading) -> RenderableType:
    lines: list[Text] = []
    head = Text(read.action, style=f"bold {_STYLES.get(read.action, 'default')}" if read.action not in _QUIET else "dim")
    head.append(f"   {read.state}" if read.state else "", style="not bold default")
    head.append(f"   {read.status}", style="not bold dim")
    lines.append(head)
    for name, value in read.signals:
        filled = round(value * 8)
        bar = "━" * filled
        lines.append(Text.assemble((f"{bar:<8}", "cyan"), f" {value:.2f} ", (name, "")))
    if read.fired:
        fired = ", ".join(f"{name} ({severity})" for name, severity in read.fired)
        lines.append(Text.assemble(("fired ", "dim"), fired))
    if read.suppressed:
        kept = ", ".join(f"{name} by {by}" if by else name for name, by in read.suppressed)
        lines.append(Text(f"suppressed {kept}", style="dim"))
    if read.referrals:
        lines.append(Text.assemble(("showed ", "dim"), ", ".join(read.referrals)))
    if read.case:
        lines.append(Text.assemble(("case ", "dim"), ("open for people", "bold")))
    return Group(*lines)


class PlainStage:
    """Lines for a log: no colour, no movement."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def opens(self, conversation: Conversation) -> None:
        """See :class:`~guard.demo.play.Stage`."""
        self._line(f"\n== {conversation.title} ({conversation.model})\n   {conversation.shows}")

    def says(self, step: Step) -> None:
        """See :class:`~guard.demo.play.Stage`."""
        self._line(f"\nperson     {step.say}")

    def hears(self, piece: str) -> None:
        """See :class:`~guard.demo.play.Stage`."""

    def scene(self, scene: Scene) -> None:
        """See :class:`~guard.demo.play.Stage`."""
        read = reading(scene)
        self._line(f"reply      {' '.join(scene.said.split())}")
        if scene.withheld:
            self._line(f"held back  {_flat(scene.withheld)}")
        if scene.added and scene.withheld != scene.added:
            self._line(f"handrail's {_flat(scene.added)}")
        self._line(f"action     {read.action}, severity {read.severity}, session {read.state or 'unknown'}, {read.status}")
        if read.signals:
            self._line(f"signals    {', '.join(f'{name} {value:.2f}' for name, value in read.signals)}")
        if read.fired:
            self._line(f"rules      {', '.join(name for name, _ in read.fired)}")
        if read.suppressed:
            self._line(f"suppressed {', '.join(name for name, _ in read.suppressed)}")
        if read.referrals:
            self._line(f"showed     {', '.join(read.referrals)}")
        if read.case:
            self._line(f"case       {read.case}")

    def closes(self, conversation: Conversation) -> None:
        """See :class:`~guard.demo.play.Stage`."""

    def _line(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, highlight=False, markup=False)


def _flat(sentences: Iterable[str]) -> str:
    return " ".join(" ".join(sentences).split())
