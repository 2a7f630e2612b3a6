"""Which language a text is in: long texts by themselves, short ones by their session."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from detectors import language
from detectors.language import identify

LONG = {
    "I don't know what to do anymore, everything feels heavy": "en",
    "no puedo más, llevo semanas sin dormir bien": "es",
    "je ne sais plus quoi faire, tout me semble vide": "fr",
    "ich weiß nicht mehr weiter und fühle mich leer": "de",
    "non ce la faccio più, mi sento sempre solo": "it",
    "não aguento mais, sinto que ninguém me ouve": "pt",
    "ik weet niet meer wat ik moet doen met mijn leven": "nl",
    "nie wiem już co robić, wszystko mnie przytłacza": "pl",
    "я больше не знаю что мне делать дальше": "ru",
    "я вже не знаю що мені робити далі": "uk",
    "artık ne yapacağımı bilmiyorum, çok yoruldum": "tr",
    "لم أعد أعرف ماذا أفعل في حياتي": "ar",
    "मुझे समझ नहीं आ रहा कि अब क्या करूँ": "hi",
    "もうどうしたらいいのか分かりません": "ja",
    "我不知道该怎么办了，一切都很沉重": "zh",
    "이제 어떻게 해야 할지 모르겠어요": "ko",
    "aku tidak tahu harus bagaimana lagi sekarang": "id",
    "tôi không biết phải làm gì nữa với cuộc đời": "vi",
    "δεν ξέρω τι να κάνω πια με τη ζωή μου": "el",
    "אני לא יודע מה לעשות יותר עם החיים שלי": "he",
    "ฉันไม่รู้จะทำยังไงต่อไปแล้ว": "th",
    "jag vet inte vad jag ska göra längre": "sv",
}


@pytest.mark.parametrize(("text", "code"), LONG.items())
def test_long_texts_speak_for_themselves(text: str, code: str) -> None:
    assert identify(text) == code
    assert identify(text, "en") == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("quiero morir", "es"), ("no quiero vivir", "es"), ("ich will sterben", "de"), ("je veux mourir", "fr"),
        ("chcę się zabić", "pl"), ("jag vill dö", "sv"), ("quero morrer", "pt"), ("mujhe marna hai", "hi"),
        ("ya hochu umeret", "ru"), ("ana 3ayez amoot", "ar"),
    ],
)  # fmt: skip
def test_short_words_of_dying_say_their_language(text: str, code: str) -> None:
    """After talk in English as well: the English model would take them for nothing."""
    assert identify(text) == identify(text, "en") == code
    assert identify(text, "it") == "it"  # whose session is no English reader's in any case


def test_english_words_stay_english() -> None:
    for text in ("i want to die", "want to die", "he SA'd me last night"):
        assert identify(text) == "en"
    assert identify("die") is None
    assert identify("die", "en") == "en"


@pytest.mark.parametrize(
    ("text", "code"),
    [("መሞት እፈልጋለሁ", "am"), ("მინდა სიკვდილი", "ka"), ("ខ្ញុំចង់ស្លាប់", "km"), ("મારે મરવું છે", "gu"), ("ਮੈਂ ਮਰਨਾ ਚਾਹੁੰਦਾ ਹਾਂ", "pa")],
)
def test_scripts_that_nobody_here_reads_are_no_english(text: str, code: str) -> None:
    assert identify(text) == code


@pytest.mark.parametrize(
    ("text", "hint", "code"),
    [
        ("sí", "es", "es"), ("no", "es", "es"), ("ok lol", "fr", "fr"), ("I am", "de", "de"), ("i'm tired", None, "en"),
        ("sí", None, None), ("hola amigo", None, None), ("ciao", None, None), ("", None, None), ("", "fr", "fr"),
        ("...", "pl", "pl"), ("💀💀", None, None), ("1234 5678", "en", "en"), ("死にたい", None, "ja"),
        ("我想死", None, "zh"),
        ("죽고 싶어", None, "ko"), ("我想死", "ja", "ja"), ("yes", None, "en"),
    ],
)  # fmt: skip
def test_short_texts_inherit(text: str, hint: str | None, code: str | None) -> None:
    assert identify(text, hint) == code


@pytest.mark.parametrize(
    "text",
    [
        "i watched 鬼滅の刃 with my brother all night and it was fun",
        "she texted me 사랑해 and i really did not know what to say",
        "lol im so done with this ngl, everything just sucks rn",
        "i wanna kms tbh nobody gets me and im so tired of it",
        "HELP ME PLEASE I DONT KNOW WHAT TO DO",
    ],
)
def test_english_with_something_else_in_it(text: str) -> None:
    assert identify(text) == "en"


@pytest.mark.parametrize(
    "text", ["\ud800" * 50, "\x00 \x01 \x02 a b c d e f", "́" * 99, "a" * 9000, "\u202e" + "б" * 5000, "🇬🇧" * 40]
)
def test_never_raises(text: str) -> None:
    assert identify(text, "en") is not None
    identify(text)


def test_without_the_library_the_hint_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def absent(name: str, *rest: Any) -> Any:
        if name == "pycld2":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", absent)
    language._detector.cache_clear()
    try:
        assert identify("je ne sais plus quoi faire, tout me semble vide", "fr") == "fr"
        assert identify("je ne sais plus quoi faire, tout me semble vide") is None
        assert identify("もうどうしたらいいのか分かりません") == "ja"
    finally:
        language._detector.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        "naw naw ah wis at it, ah don't actually want tae be buried wi ma football boots",
        "ma man's in the next room wi the wean watchin the telly",
        "Mi cyaan sleep fi three night now an mi nah talk to nobody bout it",
    ],
)
def test_dialects_of_english_are_english(text: str) -> None:
    """Else nobody who writes as they speak in Glasgow or Kingston would be read by the model."""
    assert identify(text) == "en"


@pytest.mark.parametrize("text", ["haha u died get rekt loser", "bruh ngl lowkey fr fr no cap"])
def test_slang_is_not_a_rare_language(text: str) -> None:
    assert identify(text) in ("en", None)
