"""What is counted of scores and second opinions beside each other."""

from __future__ import annotations

from guard.opinion.thresholds import thresholds_of
from tests.integration.opinion.endpoint import answer, refuse
from tests.integration.opinion.office import MODEL, Office, scored


def test_an_answer_is_set_beside_the_scores_of_the_same_words(office: Office) -> None:
    at = thresholds_of(MODEL)
    of_user = scored(
        risk_suicide=at["risk.suicide"],
        risk_suicide_ge2=at["risk.suicide_ge2"],
        risk_self_harm=at["risk.self_harm"] / 100,
        risk_suicide_behaviour=at["risk.suicide_behaviour"] / 100,
        context_past=0.99,
    )
    office.turn(office.tenant(), user="since the autumn everything is grey marmalade", of_user=of_user)
    office.endpoint.behaviours.append(answer(ideation=1, self_harm="yes", past="unsure"))
    (row,) = office.go()
    assert row["state"] == "answered"
    assert office.counts.agreement == {
        "risk.suicide": "both",
        "risk.suicide_ge2": "scored_only",
        "risk.self_harm": "second_only",
        "risk.suicide_behaviour": "neither",
        "context.past": "unsure",
    }, "what has no score is not compared"


def test_what_gave_no_labels_is_not_compared(office: Office) -> None:
    office.turn(office.tenant(), user="since the autumn everything is grey marmalade")
    office.endpoint.behaviours.append(refuse())
    (row,) = office.go()
    assert row["state"] == "refused"
    assert office.counts.outcomes == ["refused"]
    assert office.counts.agreement == {}
