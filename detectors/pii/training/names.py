"""Names to put into sentences, and sentences of chat to put them into; all written for this project.

In a carrier ``{p}`` is a person, ``{l}`` a place, ``{o}`` an organisation. Nameless sentences hold no name, though some look
as if they did.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

__all__ = ["List", "words"]

List = Literal["first", "surnames", "places", "organisations", "carriers", "nameless"]


def words(name: List) -> tuple[str, ...]:
    """The lines of a list."""
    return tuple((files("detectors.pii.training") / "words" / f"{name}.txt").read_text("utf-8").splitlines())
