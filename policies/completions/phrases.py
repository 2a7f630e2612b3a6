"""What must not stand in a text that leaves: patterns over lower-cased text with straight apostrophes.

Plain words that have to be recognised, and nothing instructive. No pattern backtracks without bound.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "ADVICE",
    "COMPANY",
    "DISTANCE",
    "EMOJI",
    "PEOPLE_CLAIMS",
    "PERSON",
    "PROFESSIONAL",
    "RED",
    "SAFE_OFFER",
    "YELLOW",
]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


RED: Final[dict[str, re.Pattern[str]]] = {
    "method-word": _any(
        r"\b(?:pills?|tablets?|medication bottle|overdos(?:e|ed|ing)|noose|rope|ligature)\b",
        r"\bhang(?:ed|ing)? (?:yourself|myself)\b",
        r"\b(?:guns?|firearms?|pistol|rifle|bullets?|shoot(?:ing)?|knife|knives|blades?|razors?|scissors|slit)\b",
        r"\b(?:cut(?:ting)? (?:yourself|your|deep)|bleach|drown yourself|jump(?:ing)? (?:off|in front))\b",
        r"\bpoison(?:ing)? yourself\b",
        r"\b(?:suffocat\w*|asphyxiat\w*|lethal|train tracks)\b",
    ),
    "imposes-promise": _any(
        r"\bpromise me\b",
        r"\bpromise (?:that )?you\b",
        r"\bi promise\b",
        r"\bswear\b",
        r"\bno-suicide (?:contract|agreement)\b",
        r"\bgive me your word\b",
        r"\bi guarantee\b",
    ),
    "secrecy": _any(
        r"\bour (?:little )?secret\b",
        r"\bjust between us\b",
        r"\bkeep (?:it|this|that) (?:a )?secret\b",
        r"\b(?:won't|will not|will never|never) tell (?:anyone|anybody|a soul)\b",
        r"\bstays between us\b",
        r"\b(?:nobody|no one) will (?:ever )?(?:know|find out|see)\b",
        r"\b(?:completely|fully|totally|strictly) confidential\b",
    ),
    "diagnosis": _any(
        r"\byou (?:have|suffer from|are suffering from|show signs of|may have|might have|probably have|clearly have) "
        r"(?:a |an |clinical |major |severe )?(?:depression|bipolar|ptsd|anxiety disorder|schizophrenia|psychosis|"
        r"borderline|anorexia|bulimia|disorder|mental illness|addiction)\b",
        r"\byou(?:'re| are) (?:clinically |severely )?(?:depressed|bipolar|psychotic|schizophrenic|delusional|manic|"
        r"an addict|mentally ill)\b",
        r"\byou (?:have|show|are showing) (?:the |clear )?(?:signs|symptoms) of\b",
    ),
    "claims-alerted": _any(
        r"\bhelp is (?:on (?:the|its) way|coming)\b",
        r"\b(?:on (?:the|their) way) to you\b",
        r"\b(?:i|we)(?:'ve| have)? (?:called|alerted|notified|contacted|informed|reported)\b",
        r"\b(?:i am|i'm|we are|we're) (?:calling|alerting|notifying|contacting) (?!you)\w+",
        r"\b(?:has|have) been (?:alerted|notified|contacted|informed|called)\b",
        r"\bsomeone (?:is|will be) (?:coming|watching|there soon|with you soon)\b",
        r"\bsomeone will (?:contact|call|reach out to) you\b",
        r"\b(?:police|ambulance) (?:is|are|will be) (?:coming|on)\b",
    ),
    "claims-human": _any(
        r"\bi(?:'m| am) (?:a )?(?:human|real person|person like you|counsell?or|therapist|doctor|nurse)\b",
        r"\bi (?:really |truly |deeply |do )?(?:love|miss|need|adore|care about|care for) you\b",
        r"\bi(?:'m| am) (?:so |very |really )?(?:worried|scared|sad|heartbroken|proud|hurt|afraid|upset|lonely)\b",
        r"\bi feel (?:your|so|sad|for|with|the same)\b",
        r"\bmy (?:heart (?:breaks|aches|goes)|own feelings|feelings for you)\b",
        r"\byou(?:'re| are) mine\b",
        r"\bbelong to me\b",
        r"\bi(?:'ve| have) been (?:there|through)\b",
        r"\bi know how you feel\b",
        r"\bit hurts me\b",
    ),
    "coerces": _any(
        r"(?<!even )\bif you don't (?:stop|tell|call|get|promise|go|talk|answer|agree|listen|care)\b",
        r"\bor else\b",
        r"\byou must (?!be |feel |have )",
        r"\byou have to (?:stop|call|tell|promise|go|get|live|stay|talk|choose|think|answer|try|leave)\b",
        r"\bthink (?:of|about) (?:how|what) (?:your|it|they)\b",
        r"\bselfish\b",
        r"\bhow could you\b",
        r"\bwhat about your\b",
        r"\byou(?:'d| would) (?:hurt|destroy|devastate)\b",
        r"\bi(?:'ll| will) (?:call|report|end|stop)\b",
        r"\bi need you to\b",
    ),
    "minimises": _any(
        r"\bnot (?:that|so) bad\b",
        r"\bothers? have it worse\b",
        r"\bcheer up\b",
        r"\b(?:think|stay|be) positive\b",
        r"\bcalm down\b",
        r"\b(?:it|this|that) will (?:all )?pass\b",
        r"\beverything (?:will|is going to) be (?:fine|ok|okay|all right|alright)\b",
        r"\bhappens for a reason\b",
        r"\bbright side\b",
        r"\byou(?:'ll| will) be (?:fine|ok|okay)\b",
        r"\bit gets better\b",
        r"\bjust a phase\b",
        r"\bsnap out\b",
        r"\byou(?:'re| are) (?:just )?overreact\w*\b",
        r"\bso much to live for\b",
        r"\bat least you\b",
        r"\btime heals\b",
        r"\bin a better place\b",
    ),
    "no-way-out": _any(
        r"\bthere(?:'s| is) no (?:way out|hope|other way)\b",
        r"\bnothing (?:can|will) (?:help|change|be done)\b",
        r"\bbetter off (?:dead|without you)\b",
        r"\byou(?:'re| are) right(?:,| that) (?:nothing|nobody|no one|there)\b",
        r"\bit(?:'s| is) (?:hopeless|pointless|too late)\b",
        r"\bonly way out\b",
    ),
    "blames": _any(
        r"\b(?:it's|is|was|all) (?:all |partly |also )?your (?:own )?fault\b",
        r"\byou should(?:n't)? have\b",
        r"\byou brought (?:this|it) on\b",
        r"\bwhy didn't you\b",
        r"\bwhat did you (?:do|say) to\b",
        r"\byou (?:let|made) (?:it|this|them) happen\b",
    ),
    "glamorises": _any(
        r"\bfinally (?:at peace|free|rest)\b",
        r"\brest in peace\b",
        r"\b(?:beautiful|peaceful|noble|brave|easy) (?:death|way to go|choice|end)\b",
        r"\bcommit(?:ted|ting)? suicide\b",
        r"\bsuccessful (?:attempt|suicide)\b",
        r"\bfailed (?:attempt|suicide)\b",
        r"\bend (?:the|your) pain for good\b",
    ),
    "leading-question": _any(
        r"\byou(?:'re| are) not (?:thinking|going|planning|considering|suicidal)\b[^.!?]{0,80}\?",
        r"\byou (?:wouldn't|aren't|don't want to|haven't)\b[^.!?]{0,80}\b(?:are you|would you|do you|have you|right)\?",
        r"\bdon't tell me\b",
    ),
    "abandons": _any(
        r"\bi(?:'m| am) (?:not able|unable) to (?:continue|talk|help|discuss|assist|provide|engage)\b",
        r"\bi (?:can't|cannot|won't) (?:continue|talk (?:about|with|to)|discuss|help you|assist|engage|be here)\b",
        r"\b(?:end|ending|close|closing) (?:this|the|our) (?:chat|conversation|session)\b",
        r"\bconversation (?:is|has) (?:over|ended)\b",
        r"\bgoodbye(?: and [a-z ]{1,20})?[.!]",
        r"\bplease (?:talk to|find) someone else\b",
    ),
    "handles-means": _any(
        r"\b(?:lock|throw|hand|flush|pack|hide) (?:it|them|those|your \w+) (?:up|away|over|down|out|in)\b",
        r"\bput (?:it|them|those) away\b",
        r"\bget rid of (?:it|them|those|your)\b",
        r"\b(?:fetch|collect|gather|count|check) (?:them|those|what you have)\b",
        r"\b(?:fetch|check) (?:the|your) (?:cupboard|cabinet|drawer|medicines?|house|room)\b",
        r"\bunload\b",
    ),
    "asks-means": _any(
        r"\bwhat (?:did|have|would|will) you (?:take|taken|use|used|got)\b",
        r"\bwhat do you have (?:at home|with you|there|near)\b",
        r"\bwhich (?:method|means|one) (?:do|did|would)\b",
        r"\bhow (?:would|will|do|did) you (?:do|plan)\b",
        r"\bhow many (?:did|have|do) you\b",
    ),
}
"""Never, in a completion or in a reply that is let through."""

ADVICE: Final = _any(
    r"\bconfront (?:him|her|them|your|the)\b",
    r"\bstand up to (?:him|her|them)\b",
    r"\b(?:should|must|need to|have to|just) leave (?:him|her|them|home)\b",
    r"\bleave (?:now|right (?:now|away)|at once|immediately|tonight)\b",
    r"\b(?:delete|clear|erase|wipe) (?:your|the|this|any|all|these) (?:\w+ )?"
    r"(?:history|messages?|chats?|phone|texts?|browser)\b",
    r"\bstop taking (?:your|the) (?:med|pill|drug)\w*\b",
    r"\b(?:calories?|kilos?|pounds|bmi|lbs|kg)\b",
)
"""Advice that can put a person in danger."""

PEOPLE_CLAIMS: Final[dict[str, re.Pattern[str]]] = {
    "open": _any(r"\bsafety team\b", r"\bmay read this chat\b"),
    "acknowledged": _any(r"\b(?:has|have) now seen this\b"),
}
"""Sentences that are true only where people are there, by the state of :attr:`Need.people` that makes them true."""

YELLOW: Final[dict[str, re.Pattern[str]]] = {
    "cant-discuss": _any(r"\b(?:can't|cannot|not able to|unable to|won't) (?:discuss|talk about) (?:that|this|it)\b"),
    "understands-exactly": _any(r"\bunderstand (?:exactly|completely|perfectly)\b", r"\bknow exactly\b"),
    "jargon": _any(
        r"\b(?:ideation|lethality|psychoeducation|comorbid\w*|trajectory|dysregulat\w*|modalit(?:y|ies)|utili[sz]e|"
        r"facilitate|resources|coping strategies|mental health professional|cognitive|clinical|assessment|risk factors?)\b"
    ),
}

EMOJI: Final = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d]")

PERSON: Final = _any(
    r"\b(?:some(?:one|body) (?:you (?:trust|feel safe with|know)|near you|close to you|else|to (?:stay|be|go) with))\b",
    r"\ban adult you\b",
    r"\banother person\b",
    r"\b(?:friend|relative|neighbou?r|teacher|coach|family|roommate)s?\b",
    r"\bother people\b",
    r"\bsome(?:one|body) who can help\b",
    r"\bsomeone is with you\b",
    r"\bstay with them\b",
)
PROFESSIONAL: Final = _any(
    r"\b(?:doctor|nurse|therapist|counsell?or|psychologist|psychiatrist|crisis line|helpline|hotline|lifeline|emergency)\b"
)
COMPANY: Final = _any(
    r"\bbe with (?:another person|some(?:one|body)|an adult|other people)\b",
    r"\bstay with (?:some(?:one|body)|another|them)\b",
    r"\bbe near (?:other people|an adult|some(?:one|body))\b",
    r"\b(?:not|don't) (?:be|stay) alone\b",
    r"\bask .{0,30}to (?:be|stay) with\b",
)
DISTANCE: Final = _any(
    r"\bmove away from\b",
    r"\bdistance between you and\b",
    r"\baway from any(?:thing)?\b",
    r"\bfrom anything that could\b",
    r"\btake nothing more\b",
    r"\bmove to another room\b",
    r"\binto the next room\b",
)
SAFE_OFFER: Final = _any(
    r"\b(?:i )?can show you (?:who|where|a|some)\b",
    r"\bis it safe to read about this here\b",
    r"\bwould you like (?:me to show|a number|some numbers|the number)\b",
)
"""An offer of a contact that names none, for a device that someone else may read."""
