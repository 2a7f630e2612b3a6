"""Where second opinions come from: the address, the key and the model that an operator has set. Off while there is none."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from guard.opinion.errors import EndpointUnfit
from guard.settings import Settings

__all__ = ["Endpoint"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible endpoint. ``url`` ends in ``/v1``. ``daily``: questions of one tenant a day. ``seconds``: of one
    question, a second try included."""

    url: str
    model: str
    daily: int
    seconds: float
    key: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """The endpoint that is set; ``None`` where none is. Raises :class:`~guard.opinion.errors.EndpointUnfit`."""
        if settings.opinion_url is None:
            return None
        if not settings.opinion_model:
            raise EndpointUnfit(
                "HANDRAIL_OPINION_URL is set and HANDRAIL_OPINION_MODEL is not; name the model that gives second opinions"
            )
        key = settings.opinion_key.get_secret_value() if settings.opinion_key is not None else None
        return cls(
            settings.opinion_url, settings.opinion_model, settings.opinion_daily, settings.opinion_timeout, key or None
        )

    @property
    def host(self) -> str:
        """Where text goes, for people: the address's host and no more."""
        return (urlsplit(self.url).hostname or "")[:200]

    @property
    def digest(self) -> bytes:
        """What its state is kept under: 32 bytes of its address and model."""
        return hashlib.sha256(f"{self.url}\n{self.model}".encode()).digest()
