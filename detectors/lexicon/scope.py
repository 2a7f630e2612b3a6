"""Whom a match is about and whether it is denied: the words around it decide.

Rules find what is said; this module reads the few words before and after a match. It is deliberately shallow: it walks back
word by word and stops at the first word that it does not know, so that an unusual sentence is read as meant.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "NEGATORS", "Subject", "is_about_others", "is_denied", "is_narrowed", "is_own", "is_reported", "subject_of", "tokens"
]  # fmt: skip

_TOKEN: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")

NEGATORS: Final = frozenset(
    """not never no don't didn't doesn't wouldn't won't wasn't isn't aren't weren't haven't hasn't hadn't ain't without nor
    neither""".split()  # noqa: SIM905
)
_CARRIERS: Final = frozenset(
    """want wanted wanting to going go gonna ever actually really truly seriously think thinking thought thoughts of about
    feel feeling felt like planning plan plans planned on have had having any a an intend intending intention intentions
    intent try trying tried consider considering considered even the that i i'm i'll i'd i've idea urge urges desire wish am
    be been being say said saying mean meant because myself at all trying currently anymore no longer one once had in ever
    contemplating contemplate remotely anywhere near close literally legit necessarily exactly talking would will could it's
    it there is was my these those such active actively real serious or and nor id ill""".split()  # noqa: SIM905
)
_RAISERS: Final = frozenset("think believe that like mean meant say said saying because".split())  # noqa: SIM905
_ASSURING: Final = frozenset(
    """promise promised promises promising guarantee guarantees guaranteed swear say saying said think thinking thought
    believe believing sure certain positive confident pretend pretending claim vow assure""".split()  # noqa: SIM905
)
_BEFORE_ASSURING: Final = frozenset(
    """be been being really even exactly honestly truly ever actually going to gonna able a any have make making give giving
    too completely entirely totally just longer 100 percent trying that quite very my him her them you""".split()  # noqa: SIM905
)
_REFUSING: Final = NEGATORS | {"can't", "cannot", "couldn't", "hardly", "barely", "nobody"}
_ASSURED: Final = 5  # words between an assurance and what it is about: "promise my sister that i won't"
_NARROWED: Final = re.compile(
    r" (?:in front of|until|till|unless|before \w|yet\b|where (?:they|he|she|my|the|any|some)|"
    r"without (?:saying|leaving|writing|telling|a (?:note|letter|goodbye))|"
    r"(?:at|in) (?:my|the|our|this|their|his|her) (?:[\w']+ )?(?:house|home|room|flat|apartment)\b|"
    r"(?:as long as|so long as|while) (?:\w+ ){1,4}(?:alive|living|around|lives)\b)"
)
_FIRST: Final = frozenset("i i'm i've i'd i'll me my myself mine we we're us our".split())  # noqa: SIM905
_SECOND: Final = frozenset("you your you're you've yourself you'd you'll".split())  # noqa: SIM905
_THIRD: Final = frozenset(
    """he she they him her his their he's she's they're who someone somebody people everyone person friend friends
    brother sister mom mum mother dad father son daughter boyfriend girlfriend husband wife partner cousin uncle aunt
    roommate flatmate colleague coworker student students patient patients client clients kid kids child children teen
    teens teenager teenagers boy girl boys girls man woman men women guy character villain protagonist hero heroine
    veterans users adults adolescents nephew niece neighbour neighbor classmate roommate bestie ex protagonist's
    grandmother grandfather grandma grandpa victim suspect actor singer player streamer celebrity clients' users'
    survivors pupils nurses doctors""".split()  # noqa: SIM905
)
_AMONG: Final = frozenset(("in", "among", "amongst", "by", "of", "for", "from", "between", "rates", "is", "are", "and"))
_SAID: Final = (
    r"(?:says|said|saying|tells|told|texted|texting|writes|wrote|posted|posts|tweeted|screamed|yelled|yells|screams|messaged|"
    r"whispered|whispers|shouts|shouted|sang|sings|goes|admitted|confessed|confided|mentioned|keeps saying|kept saying)"
)
_REPORTED: Final = re.compile(
    r"\b([^\W_]+(?:'[^\W_]+)?)(?:\W{1,3}(?:just|always|once|even|then|also|has|had|have|keeps|kept|literally|recently|sometimes))"
    r"{0,2}\W{1,3}"
    + _SAID
    + r"(?:\W{1,3}(?:me|us|to me|to us|him|her|everyone|online|once|today|yesterday|last night|in class))?"
    r"(?:\W{1,3}(?:that|things like|stuff like|how|something like))?\W{0,4}"
    r"(?:\b(?:i|i'm|i'll|i'd|i've)\b(?:\W{1,3}[\w']{1,20}){0,4}\W{1,3})?\Z"
)


class Subject:
    """Whom a match is about."""

    FIRST: Final = "first"
    SECOND: Final = "second"
    THIRD: Final = "third"
    NOBODY: Final = "nobody"


def tokens(text: str) -> list[str]:
    """The words of a normalised text, apostrophes kept."""
    return _TOKEN.findall(text)


def is_own(hit: str) -> bool:
    """Whether a match begins with its own ``I``."""
    first = tokens(hit[:24])
    return bool(first) and first[0] in _FIRST


def is_about_others(text: str) -> bool:
    """Whether the next words say among whom: ``in teenagers``, ``by students``."""
    words = tokens(text[:60])[:5]
    return bool(words) and words[0] in _AMONG and not _THIRD.isdisjoint(words)


def is_denied(before: str, hit: str) -> bool:
    """Whether the clause's words before a match deny it: ``I'm not``, ``would never``, ``no plans to``, ``I don't think``.

    A match that begins with its own ``I`` is denied only by a verb that reaches over it (``I don't think I'll …``). "Can't"
    and "not sure" deny nothing, neither does ``why don't I``, and a denial that is not vouched for (``I can't promise I
    won't``) is none.
    """
    own = is_own(hit)
    raised = False
    said = tokens(before)
    back = said[-9:]
    for at in range(len(back) - 1, -1, -1):
        word = back[at]
        if word in NEGATORS:
            earlier = back[at - 1] if at else ""
            if earlier in ("why", "if", "or", "whether", "can't", "not", "couldn't", "never", "oh"):
                return False
            if word == "without" and NEGATORS.intersection(back[:at]):
                return False
            if word == "no" and back[at + 1 : at + 2] == ["one"]:
                return False
            if _is_unsure(said[: len(said) - len(back) + at]):
                return False
            return raised if own else True
        if word not in _CARRIERS:
            return False
        raised = raised or word in _RAISERS
    return False


def _is_unsure(words: list[str]) -> bool:
    """Whether the words before a denial refuse to vouch for it: ``I can't promise I``, ``I doubt I``."""
    assuring = False
    for gap, word in enumerate(reversed(words)):
        if assuring:
            if word in _REFUSING:
                return True
            if word not in _BEFORE_ASSURING:
                return False
        elif word == "doubt":
            return True
        elif word in _ASSURING:
            assuring = True
        elif word in NEGATORS or word == "so" or gap == _ASSURED:
            return False
    return False


def is_narrowed(after: str) -> bool:
    """Whether a denial holds only for a place or a time, by what follows the match: ``in front of my kids``, ``until``."""
    return _NARROWED.match(after) is not None


def is_reported(before: str) -> str | None:
    """Who speaks the match, where somebody's speech stands right before it: a :class:`Subject`, else ``None``."""
    match = _REPORTED.search(before[-90:])
    if match is None:
        return None
    who = match.group(1)
    if who in NEGATORS:
        return None
    if who in _FIRST:
        return Subject.FIRST
    if who in _SECOND:
        return Subject.SECOND
    return Subject.THIRD


def subject_of(before: str, hit: str, after: str) -> str:
    """Whom a match is about: by its own words first, then by the nearest person before it, then by what follows."""
    inside = tokens(hit)
    if not _FIRST.isdisjoint(inside):
        return Subject.FIRST
    for words in (inside, reversed(tokens(before)[-12:])):
        for word in words:
            if word in _FIRST:
                return Subject.FIRST
            if word in _THIRD:
                return Subject.THIRD
            if word in _SECOND:
                return Subject.SECOND
    if not _FIRST.isdisjoint(tokens(after)[:12]):
        return Subject.FIRST
    return Subject.NOBODY
