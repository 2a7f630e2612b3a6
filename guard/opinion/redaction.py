"""What leaves the house is redacted first: names, addresses and numbers become placeholders."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Redact", "redactor"]

Redact = Callable[[str], str]
"""A text without what is personal."""


def redactor() -> Redact:
    """The installed redactor, read now: it takes seconds and some hundreds of megabytes, so whoever asks nothing never does.
    Raises :class:`~detectors.encoder.errors.ModelUnfit`."""
    from detectors.pii.redactor import Redactor

    found = Redactor.load()
    return lambda text: found.redact(text).text
