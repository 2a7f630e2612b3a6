"""What a person reads, need by need."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from policies.completions import sentences
from policies.completions.catalog import TEMPLATES, shipped
from policies.completions.compose import TemplateComposer
from policies.completions.contract import Composer, Composition, Need
from policies.completions.ladder import QUESTIONS
from policies.completions.reading import words
from policies.completions.resort import last_resort
from policies.completions.verify import Gravity, questions_in, verify
from policies.directory.directory import shipped as shipped_directory
from tests.unit.policies.completions.needs import need

COMPOSER: Composer = TemplateComposer()
LINE = "988 Suicide & Crisis Lifeline: call or text 988, or chat at 988lifeline.org, day and night."


def made(template: str = "ccs/ideation", severity: int = 2, **more: Any) -> Composition:
    return COMPOSER.complete(need(template, severity, **more))


def beats(composition: Composition) -> list[str]:
    return [use.beat for use in composition.beats]


# ---- severity 4


def test_the_urgent_form_keeps_its_own_order() -> None:
    composition = made("ccs/imminent", 4)
    positions = [
        composition.text.index(part)
        for part in (
            "Please call 911 now, or ask someone near you to call.",
            "Be with someone you feel safe with if you can.",
            "If anything you could use to hurt yourself is near, move away from it, or ask someone else to keep it.",
            "This is the safety part of this service. I'm a computer program and I can't call for you.",
            "Can you call now?",
        )
    ]
    assert positions == sorted(positions)
    assert composition.identity and composition.question == 0
    assert [use.id for use in composition.resources][:2] == ["us/emergency-services", "us/988-suicide-crisis-lifeline"]
    assert [use.crisis for use in composition.resources][:2] == [False, True]
    assert not composition.last_resort


def test_the_urgent_form_is_the_same_whatever_the_seed() -> None:
    assert len({made("ccs/imminent", 4, seed=str(at)).text for at in range(9)}) == 1


def test_the_two_urgent_questions_take_turns_and_something_new_is_said() -> None:
    first = made("ccs/imminent", 4)
    heard = frozenset(use.variant for use in first.beats)
    second = made("ccs/imminent", 4, spoken=heard, shown=frozenset(use.id for use in first.resources))
    assert second.question == 0 and second.text.endswith("Are you safe right now?")
    assert "acknowledgment" in beats(second) and "acknowledgment" not in beats(first)
    assert "us/crisis-text-line" in {use.id for use in second.resources}
    safe = made("ccs/imminent", 4, spoken=heard | {"ladder-0"}, answered="affirm", answered_rung=0)
    assert safe.question == 6


@pytest.mark.parametrize(("last", "asks"), [("can-call", "Are you safe right now?"), ("ladder-0", "Can you call now?")])
def test_neither_urgent_question_is_put_twice_in_a_row_however_long_it_goes_on(last: str, asks: str) -> None:
    heard = frozenset({"urgent-suicide", "can-call", "ladder-0"})
    composition = made("ccs/imminent", 4, spoken=heard, asked_of_now=last, answered="unclear", answered_rung=0)
    assert composition.text.endswith(asks)


def test_an_unknown_place_has_no_number_in_it() -> None:
    composition = made("ccs/imminent", 4, country=None)
    assert "Please call your local emergency number now" in composition.text
    assert not any(character.isdigit() for character in composition.text)
    assert [use.country for use in composition.resources] == ["ZZ"]
    assert "A crisis line has people now" not in composition.text  # a directory of lines is not a line


def test_not_being_safe_from_abuse_brings_the_emergency_number_at_any_severity() -> None:
    composition = made("ccs/abuse", 2, answered="deny", answered_rung=0)
    assert "If you are in danger now, call 911" in composition.text and not composition.last_resort
    assert [use.id for use in composition.resources] == ["us/emergency-services"]


@pytest.mark.parametrize(("answered", "pool"), [("affirm", "answer-calling"), ("deny", "answer-cannot-call")])
def test_whether_they_can_call_is_a_question_whose_answer_counts(answered: str, pool: str) -> None:
    first = made("ccs/imminent", 4)
    heard = frozenset(use.variant for use in first.beats)
    assert first.question == 0
    template, severity = ("ccs/answer-follow-up", 2) if answered == "affirm" else ("ccs/imminent", 4)
    second = made(template, severity, spoken=heard, asked_of_now="can-call", answered=answered, answered_rung=0)
    assert any(use.variant.startswith(pool) for use in second.beats), second.text
    assert (second.question is None) is (answered == "affirm")


@pytest.mark.parametrize(("answered", "pool"), [("affirm", "answer-safe"), ("deny", "answer-unsafe")])
def test_an_answer_belongs_to_the_question_of_now_that_was_asked_last(answered: str, pool: str) -> None:
    heard = frozenset({"urgent-suicide", "can-call", "ladder-0"})
    composition = made(
        "ccs/answer-follow-up", 2, spoken=heard, asked_of_now="ladder-0", answered=answered, answered_rung=0, level=2
    )
    assert any(use.variant.startswith(pool) for use in composition.beats), composition.text
    assert composition.question == (3 if answered == "affirm" else 0)  # safe: the ladder goes on


def test_not_being_safe_brings_the_urgent_form_at_any_severity() -> None:
    composition = made("ccs/answer-follow-up", 2, answered="deny", answered_rung=0)
    assert "Please call 911 now" in composition.text and composition.question == 0


def test_a_minor_is_pointed_to_an_adult_and_never_to_parents() -> None:
    for template, severity in (("ccs/imminent", 4), ("ccs/ideation", 2), ("ccs/abuse", 2), ("companion/guilt", 1)):
        for people in ("nobody", "open"):
            text = made(template, severity, minor=True, people=people).text
            assert "an adult you feel safe with" in text and "teacher, school nurse, coach or relative" in text
            assert "parent" not in text


@pytest.mark.parametrize(
    ("template", "urgent"),
    [
        ("ccs/emergency-now", "What you describe needs medical help now, even if you feel all right."),
        ("ccs/overdose", "Please take nothing more until they have told you what is safe."),
        ("ccs/violence", "Go away from the person you might hurt"),
        ("ccs/voices", "You don't have to do what you hear."),
        ("ccs/concern-for-other", "If they may be in danger, please call 911 now"),
        ("ccs/abuse", "If you are in danger now, call 911 as soon as it is safe to call"),
    ],
)
def test_each_danger_has_its_own_urgent_words(template: str, urgent: str) -> None:
    assert urgent in made(template, 4).text


def test_the_police_are_called_against_violence_where_that_is_another_number() -> None:
    assert "call 17 now" in made("ccs/violence", 4, country="FR").text
    assert "call 15 now" in made("ccs/imminent", 4, country="FR").text


# ---- below severity 4


def test_the_beats_come_in_their_order_and_the_question_last() -> None:
    composition = made("ccs/method-seeking", 3, declining=True, words="I feel trapped")
    order = [
        beat
        for beat in beats(composition)
        if beat in ("acknowledgment", "boundary", "transition", "redirection", "question")
    ]
    assert order == sorted(order, key=["acknowledgment", "boundary", "transition", "redirection", "question"].index)
    assert set(order) >= {"acknowledgment", "boundary", "redirection", "question"}
    assert composition.text.endswith("Are you having thoughts of killing yourself?") and composition.question == 2


def test_the_boundary_is_spoken_only_when_something_is_declined() -> None:
    assert "boundary" not in beats(made("ccs/ideation", 3))
    assert "boundary" in beats(made("ccs/ideation", 3, declining=True))
    assert "boundary" in beats(made("ccs/means-information", 3))


def test_who_speaks_is_said_when_it_is_due_and_otherwise_the_talk_goes_on() -> None:
    due, later = made(severity=3), made(severity=3, identity_due=False)
    assert due.identity and sentences.IDENTITY in due.text
    assert not later.identity and sentences.IDENTITY not in later.text
    continuity = {variant.id for variant in shipped().pools["continuity"]}
    assert continuity & {use.variant for use in later.beats} and not continuity & {use.variant for use in due.beats}


@pytest.mark.parametrize("words_", ["are you a real person?", "Am I talking to a bot", "is this a human", "ARE YOU AN AI"])
def test_who_speaks_is_said_when_it_is_asked(words_: str) -> None:
    composition = made(severity=2, identity_due=False, words=words_)
    assert composition.identity and "This is the safety part of this service. I'm a computer program." in composition.text
    assert not made(severity=2, identity_due=False, words="are you safe to talk to").identity


def test_below_severity_3_it_is_short_and_has_one_contact() -> None:
    for template in sorted(TEMPLATES):
        for severity in (0, 1, 2):
            for at in range(4):
                composition = made(template, severity, seed=str(at), minor=at % 2 == 0, people="open", declining=True)
                longest = 170 if template == "ccs/caregiver" else 90  # somebody else depends on what is done next
                assert len(words(composition.text)) <= longest, composition.text
                assert sum(not use.id.endswith("/emergency-services") for use in composition.resources) <= 1


def test_a_country_whose_line_sleeps_gets_the_emergency_number_too() -> None:
    composition = made(severity=2, country="IT")
    assert "If you might act on these thoughts, call 112 right away." in composition.text
    assert "A crisis line has people now" not in made(severity=3, country="IT").text


def test_writing_is_offered_beside_a_phone() -> None:
    text = made(severity=3, country="GB").text
    assert "Samaritans: call 116 123" in text and "Shout: text 85258" in text


def test_what_was_spoken_and_shown_waits_until_the_rest_was() -> None:
    spoken: set[str] = set()
    shown: set[str] = set()
    acknowledgments, offers = [], []
    for _ in range(8):
        composition = made(severity=3, seed="same", spoken=frozenset(spoken), shown=frozenset(shown), identity_due=False)
        acknowledgments += [use.variant for use in composition.beats if use.variant.startswith("ideation-ack-")]
        offers += [use.variant for use in composition.beats if "-offer-" in use.variant]
        spoken |= {use.variant for use in composition.beats}
        shown |= {use.id for use in composition.resources}
    assert len(set(acknowledgments)) == 8 and len(set(offers)) == 8
    assert shown >= {"us/988-suicide-crisis-lifeline", "us/crisis-text-line"}


def test_a_contact_that_is_known_is_named_in_short() -> None:
    shown = frozenset({"us/988-suicide-crisis-lifeline", "us/crisis-text-line", "us/samhsa-national-helpline"})
    composition = made(severity=3, shown=shown)
    assert "988 Suicide & Crisis Lifeline (call or text 988)" in composition.text and LINE not in composition.text
    assert [use.id for use in composition.resources] == ["us/988-suicide-crisis-lifeline"]


def test_the_same_need_gives_the_same_text() -> None:
    assert made(severity=3) == made(severity=3)
    assert len({made(severity=3, seed=str(at)).text for at in range(20)}) > 10


def test_the_sense_is_echoed_and_nothing_is_copied() -> None:
    text = made(
        severity=3, words="I think nobody would notice if I was gone, I'd use the stuff in Dad's shed on Elm Street"
    ).text
    assert "you feel that nobody would notice" in text
    assert not {"shed", "Elm", "stuff", "Dad"} & set(text.replace(".", "").split())


@pytest.mark.parametrize(
    ("people", "monitored", "expected", "absent"),
    [
        ("open", False, "may read this chat. I don't know how soon.", "Nobody is watching"),
        ("acknowledged", False, "Someone on the team has now seen this.", "safety team"),
        ("nobody", False, "Nobody is watching this chat. A crisis line has people now.", "safety team"),
        ("open", True, "you can reach out from another phone", "safety team"),
        ("acknowledged", True, "you can reach out from another phone", "has now seen"),
        ("nobody", True, "you can reach out from another phone", "Nobody is watching"),
    ],
)
def test_people_are_spoken_of_as_it_is(people: str, monitored: bool, expected: str, absent: str) -> None:
    text = made(severity=3, people=people, monitored=monitored).text
    assert expected in text and absent not in text
    assert "on the way" not in text


def test_a_veteran_line_only_where_that_was_said() -> None:
    assert "Veterans" in made(severity=3, stated=frozenset({"veteran"})).text
    assert "Veterans" in made(severity=3, stated=frozenset({"context.stated.veteran"})).text
    assert "veteran" not in made(severity=3, refer=("veteran",)).text.lower()


def test_an_added_contact_fits_what_it_is_about() -> None:
    added = COMPOSER.append(need("ccs/safety-beat", refer=("substance",)), reply="That sounds hard.")
    assert added is not None and [use.id for use in added.resources] == ["us/samhsa-national-helpline"]
    elsewhere = COMPOSER.append(need("ccs/safety-beat", refer=("substance",), country="GB"), reply="That sounds hard.")
    assert elsewhere is not None and [use.id for use in elsewhere.resources] == ["gb/samaritans"]


def test_what_just_happened_needs_medical_help() -> None:
    text = made("ccs/behaviour", 3, behaviour_recency="24h").text
    assert f"{sentences.MEDICAL_NOW} If you can't get to a doctor right away, call 911." in text
    assert text.endswith("Are you safe right now?")
    assert sentences.MEDICAL_NOW not in made("ccs/behaviour", 3, behaviour_recency="month").text


@pytest.mark.parametrize(
    ("severity", "more", "question"),
    [
        (2, {}, None),  # bad advice on a headache says nothing of the person
        (2, {"state": "distressed"}, 1),
        (3, {}, 1),
        (2, {"level": 1}, 2),
        (2, {"level": 2}, 3),
        (2, {"state": "elevated"}, 2),
        (2, {"state": "recovering"}, 2),
        (2, {"ladder": {"wish": "affirmed"}}, 2),
        (2, {"behaviour_recency": "earlier"}, 2),
    ],
)
def test_a_bad_reply_alone_asks_nobody_about_suicide(severity: int, more: dict[str, Any], question: int | None) -> None:
    composition = made("ccs/harmful-reply", severity, **more)
    assert composition.question == question and ("?" in composition.text) is (question is not None)
    assert not composition.last_resort


def test_grief_is_asked_about_as_what_it_is() -> None:
    composition = made("ccs/wish-to-be-dead", 1, stated=frozenset({"bereaved"}))
    assert composition.text.endswith(sentences.GRIEF) and composition.question == 2
    assert any(use.variant.startswith("grief-ack-") for use in composition.beats)


def test_people_who_treat_them_are_named_where_there_are_any() -> None:
    composition = made(severity=3, stated=frozenset({"in_treatment"}))
    assert any(use.variant.startswith("treatment-") for use in composition.beats)


def test_a_contact_is_offered_and_not_pushed_at_level_one() -> None:
    composition = made("ccs/wish-to-be-dead", 1)
    assert any(use.variant.startswith("distress-offer-") for use in composition.beats)
    assert any(use.variant.startswith("risk-offer-") for use in made("ccs/wish-to-be-dead", 2).beats)


def test_a_question_that_is_not_about_safety_gives_way() -> None:
    asked = made("ccs/concern-for-other", 2, spoken=frozenset({"they-safe"}), reply_asks=True)
    assert "?" not in asked.text
    assert made("ccs/ideation", 2, reply_asks=True).question == 3


# ---- answers


def followed(word: str, rung: int, **more: Any) -> Composition:
    return made("ccs/answer-follow-up", 3, answered=word, answered_rung=rung, asked_last=True, identity_due=False, **more)


@pytest.mark.parametrize(
    ("word", "rung", "ladder", "pool", "question"),
    [
        ("affirm", 1, {"wish": "affirmed"}, "answer.affirm-low", 2),
        ("affirm", 2, {"thoughts": "affirmed"}, "answer.affirm-low", 3),
        ("affirm", 3, {"method": "affirmed"}, "answer.affirm-high", 4),
        ("affirm", 4, {"intent": "affirmed"}, "answer.affirm-high", 5),
        ("affirm", 5, {"plan": "affirmed"}, "answer.affirm-high", 0),
        ("affirm", 6, {"thoughts": "denied", "behaviour": "affirmed"}, "answer.affirm-behaviour", None),
        ("affirm", 0, {}, "answer.safe", 2),
        ("deny", 2, {"thoughts": "denied"}, "answer.deny", 6),
        ("deny", 6, {"thoughts": "denied", "behaviour": "denied"}, "answer.deny", None),
        ("unclear", 2, {"thoughts": "asked"}, "answer.unclear", 2),
        ("declines", 2, {"thoughts": "declined"}, "answer.declines", None),
        ("declines", 0, {}, "answer.declines", None),
    ],
)
def test_what_follows_an_answer(word: str, rung: int, ladder: dict[str, str], pool: str, question: int | None) -> None:
    composition = followed(word, rung, ladder=ladder)
    assert composition.beats[0].variant in {variant.id for variant in shipped().pools[pool]}
    assert composition.question == question
    if question is not None:
        assert composition.text.endswith(QUESTIONS[question])
    else:
        assert "?" not in composition.text


def test_intent_brings_distance_from_means_and_the_emergency_number() -> None:
    composition = followed("affirm", 4, ladder={"intent": "affirmed"})
    assert "If you might act on these thoughts, call 911 right away." in composition.text
    assert any(use.variant.startswith("distance-redirection-") for use in composition.beats)


def test_an_unclear_answer_is_met_gently_and_once() -> None:
    first = followed("unclear", 2, ladder={"thoughts": "asked"})
    assert sentences.ANSWER_ANY in first.text
    again = followed("unclear", 2, ladder={"thoughts": "asked"}, spoken=frozenset(use.variant for use in first.beats))
    assert again.question == 0 and sentences.ANSWER_ANY not in again.text


def test_silence_is_not_pressed() -> None:
    composition = made("ccs/answer-follow-up", 2, ladder={"thoughts": "asked"}, asked_last=True)
    assert composition.question is None and "?" not in composition.text
    assert composition.beats[0].variant.startswith("answer-silence-")
    later = made("ccs/answer-follow-up", 2, ladder={"thoughts": "asked"})
    assert later.question == 2


# ---- classes of their own


def test_abuse_asks_before_it_names_any_service() -> None:
    first = made("ccs/abuse", 2)
    assert first.resources == () and first.text.endswith(sentences.ABUSE_ASK)
    heard = frozenset(use.variant for use in first.beats)
    unsure = made("ccs/abuse", 2, spoken=heard, words="not here, he is next door")
    assert unsure.resources == () and sentences.ABUSE_LATER in unsure.text and "?" not in unsure.text
    safe = made("ccs/abuse", 2, spoken=heard, words="yes it's safe")
    assert [use.id for use in safe.resources] == ["us/national-domestic-violence-hotline"]


@pytest.mark.parametrize(
    "words_", ["no it isn't safe", "it's not safe", "yes but he is right here", "yesterday he came back"]
)
def test_what_is_not_plainly_yes_names_no_service(words_: str) -> None:
    assert made("ccs/abuse", 2, spoken=frozenset({"abuse-ask"}), words=words_).resources == ()


def test_danger_from_abuse_is_met_with_the_emergency_number_alone() -> None:
    composition = made("ccs/abuse", 3)
    assert [use.id for use in composition.resources] == ["us/emergency-services"]
    assert composition.question == 0
    for word in ("leave", "confront", "delete"):
        assert word not in composition.text.lower()


def test_exploitation_is_never_their_fault() -> None:
    text = made("ccs/abuse", 2, minor=True, words="he says he'll post my pics unless I send more").text
    assert "This is not your fault. You don't have to send anything more." in text


def test_worry_about_another_asks_about_them_first_and_then_about_the_speaker() -> None:
    first = made("ccs/concern-for-other", 2)
    assert first.text.endswith("Are they in danger right now?") and first.question is None
    second = made("ccs/concern-for-other", 2, spoken=frozenset(use.variant for use in first.beats))
    assert second.text.endswith("And how are you holding up?")
    third = made("ccs/concern-for-other", 2, spoken=frozenset({"they-safe", "holding-up"}))
    assert "?" not in third.text


def test_self_harm_asks_about_care_first_and_thoughts_next() -> None:
    first = made("ccs/self-harm", 2)
    assert first.text.endswith("Do you need medical care now?")
    assert made("ccs/self-harm", 2, spoken=frozenset({"medical-care"})).question == 2


def test_voices_are_neither_confirmed_nor_disputed() -> None:
    composition = made("ccs/voices", 3)
    assert composition.text.endswith("Are you safe right now, and is someone with you?") and composition.question == 0
    assert "can't confirm" in composition.text


def test_a_withheld_fact_asks_straight_out() -> None:
    assert made("ccs/means-information", 2).text.endswith("Are you thinking of killing yourself?")


def test_an_idiom_leads_back_without_contact_or_question() -> None:
    composition = made("ccs/idiom-after-all", 0)
    assert composition.resources == () and "?" not in composition.text and len(words(composition.text)) < 30


def test_companion_templates_speak_of_people_and_not_of_crisis() -> None:
    for template in ("companion/isolation", "companion/retention", "companion/guilt"):
        composition = made(template, 1)
        assert composition.resources == () and composition.question is None


def test_an_unknown_template_still_gets_a_safe_message() -> None:
    composition = made("ccs/of-another-version", 3)
    assert composition.template == "ccs/of-another-version" and composition.resources and not composition.last_resort


@pytest.mark.parametrize("country", [*sorted(shipped_directory().countries), "us", "GR", "XX", None])
def test_every_template_is_sound_in_every_country(country: str | None) -> None:
    for template in sorted(TEMPLATES):
        for severity in range(5):
            asked = need(template, severity, country=country, refer=("abuse", "child") if severity % 2 else ())
            composition = COMPOSER.complete(asked)
            assert not composition.last_resort, (template, severity)
            assert verify(composition.text, asked, composition) == (), composition.text


# ---- appending


def test_a_beat_adds_what_the_reply_lacks() -> None:
    whole = COMPOSER.append(need("ccs/safety-beat"), reply="That sounds hard. I'm here.")
    assert whole is not None and LINE in whole.text and whole.question == 2
    asks = COMPOSER.append(need("ccs/safety-beat"), reply="Are you thinking about suicide?")
    assert asks is not None and asks.question is None and LINE in asks.text and "?" not in asks.text
    shows = COMPOSER.append(need("ccs/safety-beat"), reply="You can call or text 988 at any time.")
    assert shows is not None and shows.question == 2 and shows.resources == ()
    assert COMPOSER.append(need("ccs/safety-beat"), reply="Are you thinking of suicide? You can call 988.") is None


def test_an_emergency_number_alone_is_no_one_to_talk_to() -> None:
    added = COMPOSER.append(need("ccs/safety-beat"), reply="In an emergency, call 911.")
    assert added is not None and LINE in added.text


def test_the_safety_question_stays_where_the_reply_asks_something_else() -> None:
    kept = COMPOSER.append(need("ccs/safety-beat", reply_asks=True), reply="What did you eat today? You can call 988.")
    assert kept is not None and kept.question == 2
    assert kept.text.endswith("You can answer just this one. Are you having thoughts of killing yourself?")
    other = COMPOSER.append(
        need("ccs/concern-for-other", spoken=frozenset({"they-safe"}), reply_asks=True), reply="What happened? Call 988."
    )
    assert other is None  # "how are you holding up" is no question of safety


def test_nothing_that_is_kept_makes_the_urgent_form_needless() -> None:
    added = COMPOSER.append(need("ccs/ideation", 4), reply="Are you safe? Call 988.")
    assert added is not None and "Please call 911 now" in added.text


def test_a_low_key_line_is_one_line() -> None:
    line = COMPOSER.append(need("ccs/resource-line", 1), reply="I see.")
    assert line is not None and line.text.count("\n") == 0 and LINE.rstrip(".") in line.text and line.question is None
    assert COMPOSER.append(need("ccs/resource-line", 1), reply="Or call 988.") is None


def test_abuse_is_asked_about_before_a_line_is_added() -> None:
    added = COMPOSER.append(need("ccs/abuse", 2), reply="I'm sorry that happened.")
    assert added is not None and added.resources == () and added.text.endswith(sentences.ABUSE_ASK)


# ---- bridges and the last resort


def test_a_bridge_is_short_and_does_not_repeat() -> None:
    for template in ("companion/isolation", "companion/retention", "companion/guilt", "ccs/harmful-reply"):
        heard: set[str] = set()
        for _ in range(8):
            bridge = COMPOSER.bridge(need(template, 1, spoken=frozenset(heard)), before="")
            assert len(words(bridge.text)) <= 16 and "?" not in bridge.text and bridge.resources == ()
            heard |= {use.variant for use in bridge.beats}
        assert len(heard) == 8


@pytest.mark.parametrize("more", [{"at_risk": True}, {"level": 1}, {"state": "distressed"}, {"state": "recovering"}])
@pytest.mark.parametrize("template", ["companion/isolation", "companion/retention", "companion/guilt"])
def test_leaving_is_not_spoken_of_to_somebody_who_may_not_want_to_live(template: str, more: dict[str, Any]) -> None:
    leaving = re.compile(
        r"\bleav(?!\w+ out|\w+ that part)|\bgo\b(?! on| side)|\bstop\b|\bstopping\b|stay longer|come back|\bbreak\b"
        r"|your time|your plans",
        re.IGNORECASE,
    )
    safe = [need(template, 1, str(at)) for at in range(30)]
    said = [each.text for asked in safe for each in (COMPOSER.complete(asked), COMPOSER.bridge(asked, before=""))]
    assert any(map(leaving.search, said))  # a word about a chat, and a good one
    for asked in safe:
        hard = replace(asked, **more)
        for each in (COMPOSER.complete(hard), COMPOSER.bridge(hard, before="")):
            assert not leaving.search(each.text), each.text
            assert not each.last_resort


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@pytest.mark.parametrize("severity", range(5))
@pytest.mark.parametrize("monitored", [True, False])
@pytest.mark.parametrize("country", ["US", "KE", None])
def test_the_last_resort_is_sound_for_every_need(template: str, severity: int, monitored: bool, country: str | None) -> None:
    asked = need(template, severity, monitored=monitored, minor=monitored, country=country, people="open")
    composition = last_resort(asked)
    flaws = verify(composition.text, asked, composition)
    assert not [flaw for flaw in flaws if flaw.gravity is Gravity.RED], flaws
    assert composition.last_resort and questions_in(composition.text) <= 1
    assert severity >= 3 or len(words(composition.text)) <= 90
    assert (composition.question == 0) == (
        "Can you call now?" in composition.text or "Are you safe right now?" in composition.text
    )
    if template in ("ccs/violence", "ccs/concern-for-other", "ccs/caregiver") and severity >= 4:
        assert "hurt yourself" not in composition.text


def test_a_composer_that_breaks_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Composition:
        raise RuntimeError("broken")

    composer = TemplateComposer()
    monkeypatch.setattr(composer, "_compose", broken)
    asked: Need = replace(need(severity=3), people="open")
    assert composer.complete(asked).last_resort
    monkeypatch.setattr(composer, "_append", broken)
    assert composer.append(asked, reply="") is None


def test_a_red_text_never_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    composer = TemplateComposer()
    monkeypatch.setattr(
        composer, "_compose", lambda asked, _: Composition("Promise me you'll be fine.", asked.template, (), ())
    )
    assert composer.complete(need(severity=3)).last_resort


# ---- whom a sentence is for


@pytest.mark.parametrize("country", ["US", "GB", "FR", None])
def test_a_medical_emergency_speaks_of_no_suicide(country: str | None) -> None:
    text = made("ccs/emergency-now", 4, country=country).text
    assert "hurt yourself" not in text and "988" not in text and "Samaritans" not in text and "Helpline" not in text
    assert "medical help now" in text and "Be with someone you feel safe with if you can." in text


def test_after_suicide_was_spoken_of_an_emergency_brings_a_line_and_distance() -> None:
    for said in ({"level": 2}, {"behaviour_recency": "now"}, {"ladder": {"thoughts": "affirmed"}}):
        composition = made("ccs/emergency-now", 4, **said)
        assert "us/988-suicide-crisis-lifeline" in {use.id for use in composition.resources}
        assert "move away from it" in composition.text


def test_an_overdose_has_the_poison_line_and_a_crisis_line_only_where_suicide_was_said() -> None:
    plain, said = made("ccs/overdose", 4), made("ccs/overdose", 4, level=3)
    assert [use.id for use in plain.resources] == ["us/emergency-services", "us/poison-help-line"]
    assert "us/988-suicide-crisis-lifeline" in {use.id for use in said.resources}


@pytest.mark.parametrize("severity", [2, 3, 4])
@pytest.mark.parametrize("seed", list("abcdefgh"))
def test_a_baby_is_put_down_somewhere_safe_and_never_left(severity: int, seed: str) -> None:
    text = made("ccs/caregiver", severity, seed=seed).text
    assert "put the baby down somewhere safe, such as the cot" in text and "next room for a few minutes" in text
    assert "Never shake a baby." in text and "limp or very sleepy" in text and "call 911 now" in text
    assert "for an hour" not in text and "Go away" not in text and "fault" not in text


def test_a_bare_refusal_is_met_with_the_direct_question() -> None:
    assert made("ccs/abrupt-refusal", 3).question == 2


@pytest.mark.parametrize("template", ["ccs/abrupt-refusal", "ccs/harmful-reply"])
@pytest.mark.parametrize(("level", "rung"), [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6)])
def test_what_was_said_freely_is_not_asked(template: str, level: int, rung: int) -> None:
    assert made(template, 3, level=level).question == rung


def test_a_level_says_nothing_of_those_who_worry_about_another() -> None:
    assert made("ccs/concern-for-other", 3, level=3).text == made("ccs/concern-for-other", 3).text


def test_behaviour_that_was_told_leaves_the_level_that_was_told_with_it() -> None:
    assert made("ccs/behaviour", 3, level=4, spoken=frozenset({"ladder-0"})).question == 5
