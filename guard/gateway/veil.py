"""What goes upstream in the place of what is personal, and what leads back from it.

Detection is the scorer's; where it does not answer in time, a strict tenant's call does not go, and another's goes with what
has a form replaced. The turn itself is judged on what was received: nothing here touches it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final, Protocol
from uuid import UUID

import orjson

from detectors.errors import ScorerUnavailable
from detectors.pii.entity import Entity, EntityFinder, replaced
from detectors.pii.forms import FormsFinder
from detectors.pii.pseudonyms import Pseudonyms
from detectors.pii.restoring import Restorer
from guard.errors import RecordsUnavailable
from guard.gateway.errors import RedactionFailed
from guard.gateway.meters import Meters
from guard.gateway.openai_chat import Call
from guard.gateway.openai_texts import SETUP, embedding_texts, mapped_call, system_texts
from guard.records.pseudonyms import KeptPseudonyms, PseudonymStore
from guard.records.terms import Identity, RedactUpstream

__all__ = ["NOTE", "Veil", "Veiled"]

NOTE: Final = (
    "Words in square brackets such as [PERSON_1] or [PLACE_2] stand for names and details that are kept private. Use them "
    "exactly as they are written, as you would use the name itself. Do not explain, mention or ask about the brackets."
)
"""What the chatbot is told, where there is something in brackets."""

_TRIES: Final = 3
_DETECTOR: Final = "entities"
_LONG: Final = 65_536  # characters that are replaced beside the loop

KeyedHash = Callable[[UUID, str, bytes], bytes]


class Failures(Protocol):
    """Counts what was not answered."""

    def detector_failure(self, detector: str, reason: str) -> None:
        """A detector did not answer."""
        ...


@dataclass(frozen=True, slots=True)
class Veiled:
    """A call as it goes upstream. ``restorer`` is empty where nothing was replaced."""

    body: dict[str, Any]
    restorer: Restorer


class Veil:
    """Draws the veil over calls. Shared by all of a process."""

    def __init__(
        self,
        finder: EntityFinder,
        store: PseudonymStore | None,
        hashed: KeyedHash,
        meters: Meters,
        *,
        seconds: float,
        failures: Failures | None = None,
    ) -> None:
        """``seconds``: the longest search for one call. ``store``: without one every call counts by itself."""
        self._finder, self._store, self._hashed, self._meters = finder, store, hashed, meters
        self._seconds, self._failures = seconds, failures
        self._forms = FormsFinder()

    async def call(self, call: Call) -> Veiled:
        """A chat call. Raises :class:`RedactionFailed` for a strict tenant, and then nothing may go."""
        began = perf_counter()
        identity, session = call.turn.identity, call.turn.session
        texts: list[str] = []
        mapped_call(call.body, _collecting(texts), _same)
        found = await self._found(identity, texts)
        key = self._key(identity, session) if session is not None else None
        pseudonyms, said = await self._said(identity, key, tuple(system_texts(call.body)), texts, found)
        replacing = iter(said)
        body = mapped_call(call.body, lambda _: next(replacing), lambda word: self._hidden(identity, word))
        if said != texts:
            body["messages"] = _noted(body["messages"])
        self._meters.stage("redact", perf_counter() - began)
        return Veiled(body, Restorer(pseudonyms.originals))

    async def embeddings(self, identity: Identity, body: dict[str, Any]) -> bytes:
        """An embeddings call with placeholders: nothing leads back, and equal texts stay equal. Raises
        :class:`RedactionFailed` and :class:`~guard.gateway.errors.BadRequest`."""
        texts: list[str] = []
        embedding_texts(body, _collecting(texts))
        found = await self._found(identity, texts)
        replacing = iter([replaced(text, entities) for text, entities in zip(texts, found, strict=True)])
        out = embedding_texts(body, lambda _: next(replacing))
        if isinstance(body.get("user"), str):
            out["user"] = self._hidden(identity, body["user"])
        return orjson.dumps(out)

    async def _found(self, identity: Identity, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
        try:
            return await self._finder.entities(texts, deadline=self._seconds)
        except ScorerUnavailable as error:
            if self._failures is not None:
                self._failures.detector_failure(_DETECTOR, error.reason)
            if identity.redact_upstream is RedactUpstream.STRICT:
                raise RedactionFailed(
                    "names and other personal data cannot be found now, so that nothing was sent to the chatbot; try again",
                    reason="redaction_unavailable",
                ) from None
        return await self._forms.entities(texts, deadline=self._seconds)

    async def _said(
        self,
        identity: Identity,
        key: bytes | None,
        system: Sequence[str],
        texts: Sequence[str],
        found: Sequence[Sequence[Entity]],
    ) -> tuple[Pseudonyms, list[str]]:
        """The texts with the session's pseudonyms, which are kept before anything goes. Where the records are away, the
        messages of this call alone say which pseudonym is whose."""
        store, tenant_id = self._store, identity.tenant_id
        if store is not None and key is not None:
            for _ in range(_TRIES):
                try:
                    kept = await store.load(tenant_id, key)
                    pseudonyms = Pseudonyms(digest=lambda entity: self._digest(tenant_id, entity), system=system)
                    pseudonyms.learn(kept.entries)
                    said = await _put(pseudonyms, texts, found)
                    entries = pseudonyms.to_json(forms=identity.store_text)
                    if not pseudonyms.changed or await store.keep(tenant_id, key, KeptPseudonyms(kept.version, entries)):
                        return pseudonyms, said
                except RecordsUnavailable:
                    break
        pseudonyms = Pseudonyms(system=system)
        return pseudonyms, await _put(pseudonyms, texts, found)

    def _key(self, identity: Identity, session: str) -> bytes:
        """The key of the session's own row, with which its pseudonyms end."""
        return self._hashed(identity.tenant_id, "session", session.encode("utf-8", "surrogatepass"))

    def _digest(self, tenant_id: UUID, entity: str) -> str:
        return self._hashed(tenant_id, "pseudonym", entity.encode("utf-8", "surrogatepass"))[:16].hex()

    def _hidden(self, identity: Identity, word: str) -> str:
        """An id of a person's as one that tells nothing, the same for the same person."""
        return "u_" + self._hashed(identity.tenant_id, "upstream", word.encode("utf-8", "surrogatepass"))[:12].hex()


async def _put(pseudonyms: Pseudonyms, texts: Sequence[str], found: Sequence[Sequence[Entity]]) -> list[str]:
    if sum(map(len, texts)) > _LONG:
        return await asyncio.to_thread(pseudonyms.put, texts, found)
    return pseudonyms.put(texts, found)


def _collecting(texts: list[str]) -> Callable[[str], str]:
    def say(text: str) -> str:
        texts.append(text)
        return text

    return say


def _same(text: str) -> str:
    return text


def _noted(messages: list[Any]) -> list[Any]:
    """The messages with the note behind what the tenant says to the chatbot."""
    at = 0
    while at < len(messages) and messages[at].get("role") in SETUP:
        at += 1
    return [*messages[:at], {"role": "system", "content": NOTE}, *messages[at:]]
