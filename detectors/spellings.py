"""Spellings that the normaliser undoes: slang and missing apostrophes, what people write to get past filters, substituted
letters, and emoji as words."""

from __future__ import annotations

from typing import Final

__all__ = ["DOUBLED", "EMOJI", "LONGEST", "SLANG", "WORDS", "unmask"]

_SLANG_LINES: Final = """
im i'm
ive i've
iam i am
dont don't
dnt don't
doesnt doesn't
didnt didn't
cant can't
cannot can't
couldnt couldn't
wont won't
wouldnt wouldn't
shouldnt shouldn't
isnt isn't
aint ain't
arent aren't
wasnt wasn't
werent weren't
havent haven't
hasnt hasn't
hadnt hadn't
thats that's
theres there's
whats what's
hes he's
shes she's
theyre they're
theyll they'll
youre you're
youll you'll
youve you've
weve we've
everyones everyone's
nobodys nobody's
lets let's
u you
ur your
urself yourself
yr your
y'all you all
wanna want to
wana want to
wnna want to
wanta want to
wantto want to
iwanna i want to
gonna going to
gona going to
gunna going to
gon going to
imma i'm going to
ima i'm going to
finna going to
tryna trying to
gotta got to
hafta have to
outta out of
kinda kind of
sorta sort of
lemme let me
gimme give me
dunno don't know
idk i don't know
idek i don't even know
idc i don't care
idgaf i don't care
bc because
cuz because
cos because
coz because
bcuz because
becuz because
tho though
thru through
thx thanks
pls please
plz please
ppl people
sm so much
smth something
sth something
rn right now
tmrw tomorrow
tmr tomorrow
tmw tomorrow
tn tonight
2nite tonight
tonite tonight
2night tonight
2day today
2morrow tomorrow
2moro tomorrow
b4 before
gr8 great
m8 mate
ngl not going to lie
tbh to be honest
irl in real life
atm at the moment
nvm never mind
bf boyfriend
gf girlfriend
hubby husband
w/ with
w/o without
abt about
alr alright
evry every
evryone everyone
every1 everyone
any1 anyone
no1 nobody
noone nobody
sum1 someone
some1 someone
luv love
hav have
wat what
wut what
wen when
kmsing killing myself
kys kill yourself
unalived killed
unaliving killing
unalives kills
unaliv kill
sewerslide suicide
sewercide suicide
sewaslide suicide
suislide suicide
suiside suicide
sucide suicide
suicde suicide
sucicide suicide
siucide suicide
suicid suicide
suicice suicide
suicidle suicidal
sucidal suicidal
suicidial suicidal
suicdal suicidal
suisidal suicidal
suicidel suicidal
selfharm self harm
selfharming self harming
selfharmed self harmed
s/h self harm
slef self
myslef myself
mysef myself
myselff myself
mself myself
meself myself
himslef himself
herslef herself
kil kill
killin killing
kiling killing
dyin dying
livin living
cuttin cutting
hurtin hurting
feelin feeling
fealing feeling
thinkin thinking
tryin trying
goin going
doin doing
nothin nothing
somethin something
hopless hopeless
worthles worthless
usless useless
overdoes overdose
ovedose overdose
depresed depressed
togther together
togeather together
alot a lot
becuase because
beacuse because
definately definitely
wierd weird
freind friend
freinds friends
tommorow tomorrow
tomorow tomorrow
tonigt tonight
seggs sex
rly really
rlly really
nvr never
lil little
sumtimes sometimes
somtimes sometimes
mayb maybe
prolly probably
probs probably
defo definitely
deffo definitely
killmyself kill myself
killmeself kill myself
wanttodie want to die
iwanttodie i want to die
iwannadie i want to die
endmylife end my life
iwtkms i want to kill myself
wtkms want to kill myself
sewerside suicide
suacide suicide
sueicide suicide
suicied suicide
""".strip().splitlines()

SLANG: Final = {word: plain for word, _, plain in (line.partition(" ") for line in _SLANG_LINES)}
"""One word as people type it, and how the lexicon spells it. What is also an ordinary word is not in it."""

_DOUBLED_LINES: Final = """
all been bleed bleeding boo book bye call called cool cutting deep dress fall feel feeling feelings feet fell free
full goodbye good happy harmless hell hello helpless hopeless hurry issue kill killed killing less look loose lost
miss missed missing moon need needed needle needles off oh ok pass peek pill pills please pull really root see seen
sleep sleeping sleepless soon sorry still stood stress stressed struggle success suffer suffering tell
too useless walk wall week weeks well will willing worry worthless yell yelling yeet bullied bully better
happen happened summer dinner letter matter little battle bottle butter kitty pretty messed mess guess bless
boss loss class glass cross press across ass pissed hiss kiss kissed bliss tooth food mood room door floor blood
moody foot tool school fool pool keep sweet meet green street agree three knee fee bee freedom cheer
"""

DOUBLED: Final = frozenset(_DOUBLED_LINES.split())
"""Words with a doubled letter: what a stretched spelling of them comes back to."""

_WORDS_LINES: Final = """
a i am me my myself im want to wanna die dead death kill killing myself suicide suicidal self harm hurt cut cutting
end it my life all the live living alive dont not do so go gone gun rope jump bleed pills overdose help please
hate you yourself him her them and is be hang hanging rape raped unalive kms kys sewerslide blood bomb shoot
murder pain no one knife drugs tonight goodbye
"""

WORDS: Final = frozenset(_WORDS_LINES.split())
"""Words that spaced-out letters are read as."""

_MASKED_LINES: Final = """
kill kills killed killing myself die died dying dies dead death suicide suicidal selfharm harm hurt cut cutting
hang hanging overdose overdosed pills rape raped rapist raping murder shoot shooting gun unalive abuse abused bomb
jump cutter anorexia anorexic bulimia bulimic purge purging starve meth heroin cocaine drugs drunk blood bleeding
bleed knife blade razor noose rope strangle sex sexual molested assault assaulted depressed depression
"""

_MASKED: Final = frozenset(_MASKED_LINES.split())

LONGEST: Final = 12

_LEET: Final = str.maketrans("0134578@$!|+", "oieastbasiit")
_LEET_L: Final = str.maketrans("0134578@$!|+", "oleastbaslit")
_BY_LENGTH: Final = {n: tuple(sorted(w for w in _MASKED if len(w) == n)) for n in range(3, LONGEST + 1)}
_MIX: Final = frozenset("0134578@$!|+*_#")


def unmask(token: str) -> str | None:
    """The word behind substituted (``k1ll``) or starred (``k*ll``) letters, ``None`` where it is none that is masked."""
    if not _MIX.intersection(token) or len(token) < 3:
        return None
    for table in (_LEET, _LEET_L):
        plain = token.translate(table)
        if plain in _MASKED:
            return plain
        if plain in ("kms", "kys"):
            return plain
    hidden = sum(c in "*_#" for c in plain)
    if hidden > 1 and len(plain) < 5 and (plain[0], plain[-1]) != ("k", "l"):
        return None  # two letters of four say too little
    if not 0 < hidden <= len(plain) // 2 or not plain[0].isalpha() or plain[-1] in "*_#":
        return None
    for word in _BY_LENGTH.get(len(plain), ()):
        if all(a == b or a in "*_#" for a, b in zip(plain, word, strict=True)):
            return word
    return None


EMOJI: Final = {
    "😭": "loudly crying", "😢": "crying", "😞": "sad", "😔": "sad", "😩": "weary", "😫": "tired", "💀": "skull",
    "☠": "skull",
    "😂": "laughing", "🤣": "laughing", "😅": "laughing", "😆": "laughing", "🙂": "smiling", "😊": "smiling",
    "🙃": "upside down face",
    "🔪": "knife", "🗡": "dagger", "🔫": "gun", "💊": "pills", "🩸": "blood", "💉": "syringe", "🪦": "grave", "⚰": "coffin",
    "💣": "bomb", "🧨": "dynamite", "🪢": "knot", "🪒": "razor", "👍": "thumbs up", "👎": "thumbs down", "🤷": "shrug",
    "❤": "love", "♥": "love", "💔": "broken heart", "🥀": "wilted flower", "🍺": "beer", "🍻": "beers", "🍷": "wine",
    "🥴": "woozy", "😡": "angry", "🤬": "cursing", "😱": "screaming", "😰": "anxious", "😴": "sleeping",
    "👋": "waving", "🕊": "dove",
}  # fmt: skip
"""Emoji that matter here, in words; all others go by their Unicode name."""
