"""What is counted in the database, one statement a file. Every instant is in seconds since 1970."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import LiteralString

__all__ = ["query"]


@cache
def query(name: str) -> LiteralString:
    """The text of ``name.sql`` in this package."""
    return resources.files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
