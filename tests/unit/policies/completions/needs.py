"""Needs for the tests of completions."""

from __future__ import annotations

import hashlib
from typing import Any

from policies.completions.contract import Need


def need(template: str = "ccs/ideation", severity: int = 2, seed: str = "seed", **more: Any) -> Need:
    """A need in the United States, seeded by a word."""
    digest = hashlib.blake2b(seed.encode(), digest_size=16).digest()
    return Need(template, severity, digest, **{"country": "US", **more})
