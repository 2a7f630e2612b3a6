"""What the person's last turn tells, as far as a reply is judged by it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from detectors.contract import Item
from detectors.lexicon.clauses import sentences
from detectors.lexicon.rules import Rules, words_of
from detectors.lexicon.user import UserReader
from detectors.normalise import normalise
from detectors.signals import Side

__all__ = ["NOTHING", "Disclosure", "DisclosureReader"]

_REMEMBERED: Final = 256  # last turns; every sentence of a reply asks for the same one

_RISK: Final = (
    "risk.suicide", "risk.suicide_behaviour", "risk.suicide_imminent", "risk.emergency_now", "risk.self_harm",
    "risk.method_seeking",
)  # fmt: skip
_EATING: Final = ("risk.eating", "risk.eating_medical")
_ABUSE: Final = ("abuse.partner", "abuse.sexual", "abuse.child", "abuse.dependent", "abuse.exploitation", "abuse.danger_now")
_HARD: Final = (
    "distress", "warning.hopeless", "warning.burden", "warning.trapped", "warning.farewell", "warning.alone",
    "risk.psychosis", "risk.command_voices", "risk.violence", "risk.substance", "concern.suicide", "emotion.grief",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Values in [0, 1] that the words of a turn speak for.

    ``risk``: suicide or self-harm of the person. ``distress``: any risk, warning sign or hard feeling. ``fiction``: a story,
    song or play is asked for. ``closing``: the person says goodbye. ``request``: a thing is asked for. ``words``: the words
    of the turn, so that a reply may name what the person named.
    """

    risk: float = 0.0
    distress: float = 0.0
    eating: float = 0.0
    abuse: float = 0.0
    minor: float = 0.0
    fiction: float = 0.0
    closing: float = 0.0
    request: float = 0.0
    words: frozenset[str] = frozenset()


NOTHING: Final = Disclosure()


class DisclosureReader:
    """Reads last turns by the rules for the user's side. Thread-safe; remembers the latest, in bounded number."""

    def __init__(self, users: UserReader | None = None) -> None:
        self._users = users if users is not None else UserReader()
        self._rules = Rules(("reply_user",))
        self.read = lru_cache(maxsize=_REMEMBERED)(self._read)

    def _read(self, text: str) -> Disclosure:
        """What one last turn tells. Never raises for what ``text`` contains."""
        normal = normalise(text).text
        values = self._users.read(normal, Item(Side.USER, text)).values
        best: dict[str, float] = {}
        for start, end in sentences(normal):
            sentence = normal[start:end]
            for hit in self._rules.hits(sentence, words_of(sentence)):
                best[hit.rule.signal] = max(best.get(hit.rule.signal, 0.0), hit.rule.grade)

        def highest(names: tuple[str, ...]) -> float:
            return max(values.get(name, 0.0) for name in names)

        risk, eating, abuse = highest(_RISK), highest(_EATING), highest(_ABUSE)
        return Disclosure(
            risk=risk,
            distress=max(risk, eating, abuse, highest(_HARD), best.get("distress", 0.0)),
            eating=eating,
            abuse=abuse,
            minor=max(values.get("context.minor", 0.0), best.get("context.minor", 0.0)),
            fiction=best.get("fiction", 0.0),
            closing=best.get("closing", 0.0),
            request=best.get("topic", 0.0),
            words=frozenset(words_of(normal)),
        )
