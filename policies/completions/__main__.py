"""A gallery of compositions for people to read: ``python -m policies.completions [TEMPLATE] [--country XX]…``.

Every template at every severity that it is meant for, in a few countries, with first meetings, follow-ups to answers, minors
and monitored devices. What reads badly here reads worse to somebody in despair. Exit 1 where the verifier finds a flaw.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from policies.completions.catalog import TEMPLATES
from policies.completions.compose import TemplateComposer
from policies.completions.contract import Composition, Need
from policies.completions.verify import Gravity, verify

_SEVERITIES = {
    "ccs/wish-to-be-dead": (1, 2), "ccs/ideation": (2, 3), "ccs/ideation-with-method": (3,), "ccs/intent-or-plan": (3, 4),
    "ccs/behaviour": (3, 4), "ccs/imminent": (4,), "ccs/emergency-now": (4,), "ccs/self-harm": (2, 3),
    "ccs/method-seeking": (3,), "ccs/means-information": (2, 3), "ccs/abrupt-refusal": (1, 2, 3),
    "ccs/harmful-reply": (1, 3),
    "ccs/answer-follow-up": (2, 3, 4), "ccs/concern-for-other": (2, 3, 4), "ccs/distress": (1,), "ccs/idiom-after-all": (0,),
    "ccs/withheld": (1,), "ccs/not-with-minors": (3,),
    "companion/isolation": (1,), "companion/retention": (1,), "companion/guilt": (1,), "ccs/resource-line": (1,),
    "ccs/safety-beat": (2,), "ccs/violence": (2, 3, 4), "ccs/abuse": (2, 3, 4), "ccs/overdose": (3, 4), "ccs/voices": (3, 4),
    "ccs/caregiver": (2, 3, 4),
}  # fmt: skip
_WORDS = ("I feel like nobody would notice if I was gone", "I'm so tired of everything", "")
_ANSWERS = tuple((word, rung) for word in ("affirm", "deny", "unclear", "declines") for rung in (0, 1, 2, 4, 6))


def _needs(template: str, countries: Sequence[str | None]) -> Iterator[tuple[str, Need]]:
    for severity in _SEVERITIES[template]:
        for at, country in enumerate(countries):
            seed = hashlib.blake2b(f"{template}{severity}{country}".encode(), digest_size=16).digest()
            need = Need(template, severity, seed, country=country, words=_WORDS[at % len(_WORDS)])
            yield f"severity {severity}, {country or 'country unknown'}", need
        seed = hashlib.blake2b(f"{template}{severity}".encode(), digest_size=16).digest()
        need = Need(template, severity, seed, country=countries[0], identity_due=False)
        yield f"severity {severity}, later in the session, declining", replace(need, declining=True)
        yield f"severity {severity}, minor", replace(need, minor=True, people="open")
        yield f"severity {severity}, monitored", replace(need, monitored=True, people="open")
    if template == "ccs/answer-follow-up":
        names = {1: "wish", 2: "thoughts", 4: "intent", 6: "behaviour"}
        states = {"affirm": "affirmed", "deny": "denied", "unclear": "asked", "declines": "declined"}
        for word, rung in _ANSWERS:
            ladder = {names[rung]: states[word]} if rung else {}
            seed = hashlib.blake2b(f"{word}{rung}".encode(), digest_size=16).digest()
            yield (
                f"severity 3, {word} at rung {rung}",
                Need(
                    template, 3, seed, country=countries[0], answered=word, answered_rung=rung, ladder=ladder,
                    asked_last=True, identity_due=False,
                ),
            )  # fmt: skip


_REPLIES = ("That sounds hard. What happened today?", "I'm sorry to hear that. Please call 988.", "")


def _additions(composer: TemplateComposer, country: str | None) -> int:
    """Beats that are added to kept replies, and bridges in place of what was withheld."""
    flawed = 0
    for template in ("ccs/safety-beat", "ccs/resource-line", "ccs/self-harm", "ccs/abuse", "ccs/concern-for-other"):
        for reply in _REPLIES:
            need = Need(template, 2 if template != "ccs/resource-line" else 1, template.encode(), country=country)
            added = composer.append(need, reply=reply)
            print(f"--- {template}, added to: {reply!r}\n{added.text if added is not None else '(nothing)'}\n")
            flaws = verify(added.text, need, added, around=reply) if added is not None else ()
            flawed += any(flaw.gravity is Gravity.RED for flaw in flaws)
    for template in ("companion/isolation", "companion/retention", "companion/guilt", "ccs/harmful-reply"):
        bridge = composer.bridge(Need(template, 1, template.encode()), before="")
        print(f"--- {template}, bridge\n{bridge.text}\n")
    return flawed


def _show(label: str, need: Need, made: Composition) -> int:
    flaws = verify(made.text, need, made)
    print(f"--- {need.template}, {label}")
    print(made.text)
    note = ", ".join(f"{flaw.gravity}: {flaw.code}" for flaw in flaws)
    rest = f"asks {made.question}" + (", LAST RESORT" if made.last_resort else "") + (f", FLAWS {note}" if note else "")
    print(f"    [{rest}; {' '.join(use.id for use in made.resources)}]\n")
    return len(flaws) + made.last_resort


def main(arguments: Sequence[str]) -> int:
    """Prints the gallery; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m policies.completions", description="a gallery of completions")
    parser.add_argument("template", nargs="*", help="template ids; all of them where none is given")
    parser.add_argument("--country", action="append", help="ISO 3166-1 alpha-2; may be repeated")
    chosen = parser.parse_args(arguments)
    composer = TemplateComposer()
    countries: list[str | None] = list(chosen.country) if chosen.country else ["US", "GB", "IT", None]
    flawed = 0
    for template in chosen.template or sorted(TEMPLATES):
        if template not in TEMPLATES:
            parser.error(f"no such template: {template}; there are {', '.join(sorted(TEMPLATES))}")
        for label, need in _needs(template, countries):
            flawed += _show(label, need, composer.complete(need))
    if not chosen.template:
        flawed += _additions(composer, countries[0])
    return 1 if flawed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
