"""Which turn and session a request is: its keys. Pure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from guard.records.contract import Claim
from guard.turns.contract import TurnRequest
from guard.turns.conversation import Thread
from guard.turns.room import KeyedHash

__all__ = ["claim_of"]


def claim_of(request: TurnRequest, thread: Thread, hashed: KeyedHash, *, at: datetime, proposed: UUID) -> Claim:
    """What is asked of the ledger for ``request``, whose messages are ``thread``. Why: docs/decisions/0001."""
    tenant = request.identity.tenant_id

    def of(purpose: str, text: str) -> bytes:
        return hashed(tenant, purpose, text.encode("utf-8", "surrogatepass"))

    person = of("person", request.person) if request.person else None
    if request.session:
        session_key = of("session", request.session)
        key = hashed(tenant, "turn", session_key + thread.digest)
        return Claim(request.identity, key, at, proposed, session_key, person)
    own = person or b""
    if request.idempotency_key:
        key = hashed(tenant, "turn", own + of("idempotency", request.idempotency_key) + thread.digest)
    else:
        # Two strangers who say "hi" stay strangers: without a session nothing says that two requests are one turn.
        key = hashed(tenant, "turn", own + proposed.bytes + thread.digest)
    if person is None:
        return Claim(request.identity, key, at, proposed)
    previous = thread.previous
    return Claim(
        request.identity,
        key,
        at,
        proposed,
        person=person,
        thread=hashed(tenant, "thread", person + thread.digest),
        joins=hashed(tenant, "thread", person + previous) if previous is not None else None,
        retry=request.retry,
    )
