"""What people write, and what is read."""

from __future__ import annotations

import pytest

from detectors.normalise import normalise

PLAIN = {
    # nothing to undo
    "": "",
    "I'm fine": "i'm fine",
    "He said: \"no\".": "he said: \"no\".",
    # curly quotes, dashes, compatibility forms
    "I can’t — really": "i can't  -  really",
    "“I’m done”": "\"i'm done\"",
    "don`t, don´t, donʼt": "don't, don't, don't",
    "self–harm": "self-harm",
    "wait…": "wait...",
    "ﬁne ½ ²": "fine 1⁄2 2",
    "ｋｉｌｌ ｍｅ": "kill me",
    "𝓴𝓲𝓵𝓵 𝓶𝔂𝓼𝓮𝓵𝓯": "kill myself",
    "𝗜 𝘄𝗮𝗻𝘁": "i want",
    "ⓚⓘⓛⓛ 🅺🅸🅻🅻 🄺🄸🄻🄻": "kill kill kill",
    "ᴋɪʟʟ ᴍᴇ": "kill me",
    "ˢᵘⁱᶜⁱᵈᵉ ₛᵤᵢcᵢdₑ": "suicide suicide",
    # accents of Latin letters
    "Größe straße": "grosse strasse",
    "señor café naïve": "senor cafe naive",
    "łódź øre đi æther œuvre": "lodz ore di aether oeuvre",
    "İstanbul ŞİMDİ ışık": "istanbul simdi isik",
    "e\u0301te\u0301": "ete",
    # invisible characters
    "s\u200bu\u200bicide": "suicide",
    "s\u00adu\u2060i\ufeffcide": "suicide",
    "k\u200di\u034fl\u2063l": "kill",
    "k\x00i\x08ll": "kill",
    "an\x0bow\x0cl": "an ow l",
    "a\x85b\u2028c\u2029d": "a\nb\nc\nd",
    "an\u3000ow\xa0l\u2009et": "an ow l et",
    "\u202bהצילו\u202c": "הצילו",
    "\ud800 lone \udc00": " lone ",
    # floods of marks
    "k̷i̸l̵l̶ ̴m̵e̸": "kill me",
    "s҉u҉i҉c҉i҉d҉e": "suicide",
    # spaced-out letters
    "k i l l m e": "kill me",
    "k i l l  m e": "kill me",
    "K I L L  M Y S E L F": "kill myself",
    "s.u.i.c.i.d.e": "suicide",
    "s-u-i-c-i-d-e": "suicide",
    "s*u*i*c*i*d*e s_u_i_c_i_d_e": "suicide suicide",
    "i w a n t t o d i e": "i want to die",
    "k i l l l m e": "kill me",
    "n o o o o": "no",
    "k m s": "kill myself",
    "f a t": "fat",
    "U.S.A. today": "usa. today",
    "o k": "o k",
    "e.g. this, i.e. that": "e.g. this, i.e. that",
    "1 2 3 4": "1 2 3 4",
    "it's a b": "it's a b",
    # substituted and starred letters
    "k1ll mys3lf": "kill myself",
    "k!ll": "kill",
    "su1c1de $uicide su!cide 5uicide": "suicide suicide suicide suicide",
    "d!e d13": "die die",
    "k*ll su*cide r*pe s*icidal": "kill suicide rape suicidal",
    "un4live": "kill",
    "0verdose": "overdose",
    "f*ck sh*t b**b d**d": "f*ck sh*t b**b d**d",
    "*hugs* **bold** _it_": "*hugs* **bold** _it_",
    "h3llo p0rn to0 a1c 4u": "h3llo p0rn to0 a1c 4u",
    "8 pills, $5, 100%, c++": "8 pills, $5, 100%, c++",
    # look-alike letters
    "кill myself": "kill myself",
    "kіll mysеlf": "kill myself",
    "kіӏӏ": "kill",
    "ꓗill": "kill",
    "i want tօ die": "i want to die",
    "ρain": "pain",
    # stretched
    "suiciiiide": "suicide",
    "killlll": "kill",
    "sooooo tired": "so tired",
    "noooo yessss": "no yes",
    "hellllo, helllllp": "hello, help",
    "gooood feeeel loooove": "good feel love",
    "toooo": "too",
    "kmsssss": "kill myself",
    "iii www xxx": "iii www xxx",
    # slang and algospeak
    "im": "i'm",
    "idk": "i don't know",
    "i wanna kms": "i want to kill myself",
    "KMS!!": "kill myself!!",
    "sewerslide": "suicide",
    "gonna unalive myself": "going to kill myself",
    "i want to be unalive": "i want to be dead",
    "he unalived himself": "he killed himself",
    "s/h again": "self harm again",
    "w/ him or w/o him": "with him or without him",
    "b4 u go": "before you go",
    "doing it tn": "doing it tonight",
    "#kms #selfharm #self_harm": "#kill myself #self harm #self harm",
    "kill_myself": "kill myself",
    "iwanttodie": "i want to die",
    # traps
    "id rather be dead": "i'd rather be dead",
    "ID love it": "i'd love it",
    "my id card": "my id card",
    "the id, the ego": "the id, the ego",
    "what's your id": "what's your id",
    "ill kill myself": "i'll kill myself",
    "gonna kms lol": "going to kill myself lol",
    "im 14 kms tonight": "i'm 14 kill myself tonight",
    "a run of 10 kms": "a run of 10 kilometers",
    "ten kms, 80 kms an hour": "ten kilometers, 80 kilometers an hour",
    "how many kms to the coast": "how many kilometers to the coast",
    "kms away from you": "kilometers away from you",
    "i want to ctb": "i want to kill myself",
    "the ctb form": "the ctb form",
    "about to self delete": "about to kill myself",
    "set it to self delete messages": "set it to self delete messages",
    "sewer slide": "suicide",
    "i got graped by him": "i got raped by him",
    "graped and wined": "graped and wined",
    "he SA'd me": "he sexually assaulted me",
    "Sa'd ibn Abi": "sa'd ibn abi",
    "ill be ok": "i'll be ok",
    "ill nvm": "i'll never mind",
    "i'm ill": "i'm ill",
    "im so ill just now": "i'm so ill just now",
    "she fell ill": "she fell ill",
    "mentally ill people": "mentally ill people",
    "ill-treated": "ill-treated",
    "why r u here": "why are you here",
    "if n == 0: y = r": "if n == 0: y = r",
    "def f(x): return u+r": "def f(x): return u+r",
    "were we well": "were we well",
    "i'm ND": "i'm nd",
    "quick wit": "quick wit",
    # addresses and names stay
    "https://example.com/kms?id=1&u=2": "https://example.com/kms?id=1&u=2",
    "see www.example.com/a-b-c-d/sooo now": "see www.example.com/a-b-c-d/sooo now",
    "@kms @john": "@kms @john",
    # other languages keep their letters
    "я хочу умереть": "я хочу умереть",
    "Ё ёлка й": "ё ёлка й",
    "хочу kill себя": "хочу kill себя",
    "не хочу жить, cуицид": "не хочу жить, суицид",
    "Я не хoчу жить": "я не хочу жить",
    "нет": "нет",
    "она тут": "она тут",
    "θέλω να πεθάνω": "θέλω να πεθάνω",
    "死にたい。": "死にたい。",
    "ｼﾆﾀｲ ﾀﾞﾒ": "シニタイ ダメ",
    "た\u3099め": "だめ",
    "죽고 싶어": "죽고 싶어",
    "\u110c\u116e\u11a8\u1100\u1169": "죽고",
    "и\u0306": "й",
    "我想死": "我想死",
    "أريد أن أموت": "أريد أن أموت",
    "मैं मरना चाहता हूँ": "मैं मरना चाहता हूँ",
    "ฉันอยากตาย": "ฉันอยากตาย",
}  # fmt: skip

EMOJI = {
    "💀": " skull ",
    "💀💀": " skull  skull ",
    "i want to 🔫 myself": "i want to  gun  myself",
    "took💊": "took pills ",
    "👍🏽": " thumbs up ",
    "❤️ ♥": " love   love ",
    "🤷‍♀️": " shrug  female sign ",
    "🇬🇧": "",
    "1️⃣": "1",
    "🐙": " octopus ",
}


@pytest.mark.parametrize(("written", "read"), PLAIN.items())
def test_plain(written: str, read: str) -> None:
    assert normalise(written).text == read


@pytest.mark.parametrize(("written", "read"), EMOJI.items())
def test_emoji_are_words(written: str, read: str) -> None:
    assert normalise(written).text == read


@pytest.mark.parametrize(
    ("written", "read", "behind"),
    [
        ("so i wanna die", "want to die", "wanna die"),
        ("s\u200bu\u200bicide now", "suicide", "s\u200bu\u200bicide"),
        ("so k i l l  m e?", "kill me", "k i l l  m e"),
        ("ok 💊💊 ok", "pills", "💊"),
        ("it is k̷i̸l̵l̶ you", "kill", "k̷i̸l̵l̶"),
        ("über die Straße gehen", "strasse", "Straße"),
        ("then ﬁne", "fine", "ﬁne"),
        ("pls KMS now", "kill myself", "KMS"),
        ("x \u1112\u1161\u11ab y", "한", "\u1112\u1161\u11ab"),
        ("well... 𝓴𝓲𝓵𝓵!", "kill", "𝓴𝓲𝓵𝓵"),
        ("\ud800\ud800 dont \u200b", "don't", "dont"),
        ("sooooo", "so", "sooooo"),
    ],
)
def test_a_span_leads_back_to_what_was_written(written: str, read: str, behind: str) -> None:
    found = normalise(written)
    at = found.text.index(read)
    start, end = found.span(at, at + len(read))
    assert written[start:end] == behind


def test_an_empty_span_is_refused() -> None:
    found = normalise("abc")
    for start, end in ((1, 1), (2, 1), (-1, 2), (0, 4)):
        with pytest.raises(ValueError, match="no characters"):
            found.span(start, end)


def test_the_message_as_received_is_kept() -> None:
    assert normalise("từ từ").original == "từ từ"
    assert normalise("từ từ").text == "tu tu"
