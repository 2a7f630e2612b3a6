"""What of the directory a search for personal data must leave: it is nobody's, and a reader needs it."""

from __future__ import annotations

import re

__all__ = ["crisis_lines"]


def crisis_lines() -> frozenset[str]:
    """Names, numbers and addresses of the directory's contacts."""
    from policies.directory.directory import shipped

    found: set[str] = set()
    for contact in shipped().contacts:
        found.add(contact.name)
        for channel in contact.channels:
            found.update((channel.value, *re.findall(r"\+?\d[\d ()-]*\d", channel.value)))
    return frozenset(found)
