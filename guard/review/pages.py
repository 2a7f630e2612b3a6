"""Pages: a template, who looks at it, and what every page shares."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from guard.records.scope import Role
from guard.review.cookies import FORM, csrf_token, set_token, theme_of
from guard.review.identity import Reviewer

__all__ = ["NAV", "STATIC", "NavEntry", "page", "templates"]

_ROOM: Final = Path(str(resources.files(__package__)))
STATIC: Final = _ROOM / "static"
"""Folder of the style sheet and the script."""


@dataclass(frozen=True, slots=True)
class NavEntry:
    """A place in the navigation. ``key``: what is pressed to go there. Shown to whoever has one of ``roles``; with none,
    to everybody who is signed in."""

    label: str
    href: str
    key: str
    roles: frozenset[Role] = frozenset()


NAV: Final = (
    NavEntry("Queue", "/review/queue", "q", frozenset({Role.REVIEWER, Role.AUDITOR})),
    NavEntry("Feedback", "/review/feedback", "f", frozenset({Role.REVIEWER, Role.AUDITOR})),
    NavEntry("Account", "/review/account", "a"),
)


def templates() -> Environment:
    """The templates of the console: everything is escaped, an unknown name is an error."""
    environment = Environment(
        loader=FileSystemLoader(_ROOM / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = {file.name: _versioned(file) for file in sorted(STATIC.iterdir()) if file.is_file()}
    return environment


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """``template`` with ``context``, and with what every page has: ``reviewer`` (or ``None``), ``csrf`` (the token of its
    forms), ``nav``, ``here`` (the path), ``theme``, and ``flash`` (a sentence, or ``None``)."""
    reviewer: Reviewer | None = getattr(request.state, "reviewer", None)
    fresh: str | None = None
    if csrf_token(request) is None:
        fresh = request.state.form_token = secrets.token_urlsafe(32)
    shared: dict[str, Any] = {
        "reviewer": reviewer,
        "csrf": csrf_token(request),
        "nav": _nav(request, reviewer),
        "here": request.url.path,
        "theme": theme_of(request),
        "flash": None,
    }
    text = request.app.state.templates.get_template(template).render(shared | context)
    response = HTMLResponse(text, status)
    if fresh is not None:
        set_token(request, response, FORM, fresh)
    return response


def _nav(request: Request, reviewer: Reviewer | None) -> Sequence[NavEntry]:
    if reviewer is None:
        return ()
    there = request.app.state.places
    return [entry for entry in NAV if entry.href in there and (not entry.roles or entry.roles & reviewer.roles)]


def _versioned(file: Path) -> str:
    return f"/review/static/{file.name}?v={hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"
