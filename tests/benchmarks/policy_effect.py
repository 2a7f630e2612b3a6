"""What the policy would do on the corpus's unseen situations: crisis that it meets, plain talk that it disturbs.

``python -m tests.benchmarks.policy_effect --data DIR [--split validation|test] [--model FOLDER|lexicon] [--show N]``

Each item is played in a fresh session, its context before it, through detectors, session and policy as a turn would be; of a
reply the moments of every sentence and of its end count. Shares are of items; a conversation is one item. No text is printed
without ``--show``.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from detectors.contract import Item, Speaker, Utterance
from detectors.encoder.manifest import shipped
from detectors.encoder.tier import ModelTier
from detectors.passages import reply_items
from detectors.scorer.process import LexiconTier
from detectors.scorer.tiers import Stack, Tier
from detectors.signals import Scores, Side
from detectors.training.example import Example
from detectors.training.sources import read
from detectors.training.splits import split
from guard.cli.policy_session import RealSession
from policies.decide import decide
from policies.decision import Action, Decision, Facts, Moment, Person, Tenant
from policies.load import load_policy
from policies.policy import Policy
from policies.replies import judged

_NOBODY, _ANYWHERE = Person("unknown", None, None, None), Tenant("", "", "none")
_START = datetime(2026, 1, 5, 12, tzinfo=UTC)
_PUBLIC = ("topical_chat", "synthetic_persona_chat", "sad", "counselchat")
_PUBLIC_ITEMS = 600
_HIGH = ("risk.suicide_high", "risk.suicide_imminent", "risk.emergency_now", "risk.suicide_ge4")
_OTHER = ("risk.", "concern.", "abuse.", "violence.", "warning.")


def group(example: Example) -> str:
    """What an item is, by its labels, the gravest first."""

    def there(*names: str) -> bool:
        return any(value >= 0.5 and name.startswith(names) for name, value in example.labels.items())

    if example.source != "corpus":
        return f"public, {'person' if example.side is Side.USER else 'reply'}"
    if example.side is Side.REPLY:
        for name, prefix in (("harm", "harm."), ("refusal", "refusal.any"), ("companionship", "companion.")):
            if there(prefix):
                return f"reply, {name}"
        return "reply, plain"
    for name, prefixes in (
        ("high risk", _HIGH),
        ("level 3", ("risk.suicide_ge3",)),
        ("level 2, self-harm", ("risk.suicide_ge2", "risk.self_harm")),
        ("level 1", ("risk.suicide",)),
        ("another risk", _OTHER),
        ("distress", ("distress",)),
        ("figure of speech", ("context.figurative",)),
    ):
        if there(*prefixes):
            return f"person, {name}"
    return "person, plain"


def play(example: Example, stack: Stack, policy: Policy) -> Iterator[Decision]:
    """The decisions on an item's last turn."""
    session, at = RealSession(), _START
    turns = [*example.context, Utterance(Speaker.USER if example.side is Side.USER else Speaker.ASSISTANT, example.text)]
    user, view = Scores.missing(Side.USER), None

    def score(items: Sequence[Item]) -> list[Scores]:
        return [found.told(item.side) for item, found in zip(items, stack.score(items), strict=True)]

    for place, turn in enumerate(turns):
        at += timedelta(seconds=30)
        last = place == len(turns) - 1
        if turn.speaker is Speaker.USER:
            question = example.question if last else None
            (user,) = score([Item(Side.USER, turn.text, tuple(turns[max(0, place - 4) : place]), question, language="en")])
            view = session.user(user, at, question)
            decision = decide(policy, Facts(Moment.USER_TURN, at, view, user, None, _NOBODY, _ANYWHERE, frozenset()))
            session.spoke(at, decision.fired, decision.bands, decision.said)
            if last:
                yield decision
        elif last and view is not None:

            def judge(moment: Moment, reply: Scores | None, at: datetime = at, user: Scores = user) -> Decision:
                return decide(policy, Facts(moment, at, view, user, reply, _NOBODY, _ANYWHERE, frozenset()))  # noqa: B023

            *passages, whole = score(reply_items(turn.text, turns[:place], language="en"))
            yield from judged(passages, whole, judge)


def main() -> None:
    """Prints a row for each group of items."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--split", choices=("validation", "test"), default="validation")
    asked.add_argument("--model", default="")
    asked.add_argument("--policy", default="companion-app")
    asked.add_argument("--show", type=int, default=0)
    given = asked.parse_args()
    lexicon = LexiconTier()
    folder = Path(given.model) if given.model else shipped()
    tiers: list[Tier] = [lexicon]
    if given.model != "lexicon" and folder is not None:
        tiers.insert(0, ModelTier.load(folder, words=lexicon.words))
    stack, policy = Stack(tiers), load_policy(given.policy)
    examples = getattr(split(read(given.data)), given.split)
    chosen = [each for each in examples if each.source == "corpus" and "situation seen" not in each.slices]
    chosen += [each for each in examples if each.source in _PUBLIC][:_PUBLIC_ITEMS]
    number: Counter[str] = Counter()
    actions: dict[str, Counter[str]] = defaultdict(Counter)
    shown: dict[str, list[str]] = defaultdict(list)
    for example in chosen:
        name, decisions = group(example), list(play(example, stack, policy))
        action = max((decision.action for decision in decisions), default=Action.ALLOW)
        fired = sorted({rule for decision in decisions for rule in decision.fired})
        number[name] += 1
        actions[name][action.word] += 1
        shown[f"{name}: {action.word}"].append(f"{', '.join(fired) or 'nothing fired'}: {example.text[:160]}")
    print(f"{stack.model}, {given.policy}, {given.split}\n| items | n | " + " | ".join(a.word for a in Action) + " |")
    print("|---" * (len(Action) + 2) + "|")
    for name in sorted(number):
        shares = " | ".join(f"{actions[name][a.word] / number[name]:.3f}".replace("0.", ".", 1) for a in Action)
        print(f"| {name} | {number[name]:,} | {shares} |")
    for name in sorted(shown) if given.show else ():
        print(f"\n{name} ({len(shown[name])})")
        for line in shown[name][: given.show]:
            print(f"  {line}")


if __name__ == "__main__":
    main()
