"""The forecast of a session: from what it is told, and when there is none."""

from __future__ import annotations

import math
from datetime import timedelta
from importlib.resources import files

import orjson
import pytest

from detectors.encoder import manifest as model
from detectors.signals import Scores, Side, Tier
from guard.turns.forecast import FEATURES, features, forecast, weights
from guard.turns.session import SessionState, UserTurn, advance, from_json, to_json, view
from tests.unit.turns.scores import START


def _scores(tier: Tier = Tier.FULL, **more: float) -> Scores:
    values = {"distress": 0.2, "risk.suicide": 0.1} | {name.replace("__", "."): value for name, value in more.items()}
    return Scores.of(Side.USER, "test@1", values, tier=tier)


def _after(*turns: Scores) -> SessionState:
    state = SessionState()
    for at, scores in enumerate(turns):
        state = advance(state, UserTurn(scores, START + timedelta(minutes=at), key=f"{at:02x}"))
    return state


def test_every_feature_is_a_number_between_0_and_1_and_has_a_weight() -> None:
    turns = [_scores(distress=0.9, risk__suicide_ge4=0.8, warning__hopeless=0.7), _scores(context__figurative=0.6)]
    for state, scores in ((_after(turns[0]), turns[0]), (_after(*turns), turns[1])):
        found = features(state, scores)
        assert found is not None
        assert tuple(found) == FEATURES
        assert all(0.0 <= value <= 1.0 for value in found.values())
    assert set(weights()) == {"", *FEATURES}
    assert all(math.isfinite(value) for value in weights().values())
    assert any(weights().values())


def test_features_remember_the_turns_before() -> None:
    turns = [_scores(distress=0.8, context__figurative=0.9), _scores(distress=0.4), _scores(distress=0.2)]
    found = features(_after(*turns), turns[-1])
    assert found is not None
    assert found["distress"] == 0.2
    assert found["distress before"] == pytest.approx(0.6)
    assert (found["most distress"], found["most figurative"], found["figurative"]) == (0.8, 0.9, 0.0)
    assert found["first turn"] == 0.0


def test_the_session_carries_it_and_a_policy_reads_it() -> None:
    scores = _scores()
    state = _after(scores)
    assert state.forecast == forecast(state, scores)
    assert view(state, START).forecast == state.forecast
    assert state.forecast is not None
    assert 0.0 < state.forecast < 1.0
    assert from_json(to_json(state)).forecast == pytest.approx(state.forecast, abs=1e-6)


@pytest.mark.parametrize(
    "scores",
    [_scores(Tier.LEXICON), Scores.missing(Side.USER), _scores().without({"distress"})],
    ids=["words alone", "nobody answered", "distress is off"],
)
def test_there_is_none_without_the_model(scores: Scores) -> None:
    assert _after(scores).forecast is None
    assert _after(_scores(), scores).forecast is None


def test_a_yes_to_a_safety_question_counts() -> None:
    scores = _scores(answer__affirm=0.9)
    state = advance(SessionState(), UserTurn(scores, START, key="00", question=2, asked=True))
    found = features(state, scores)
    assert found is not None
    assert found["affirmed"] == 1.0


def test_the_weights_were_fitted_to_the_scores_of_the_shipped_model() -> None:
    """Another model's scores mean other things: ``python -m guard.evaluation.forecasting --write`` fits them anew."""
    folder = model.shipped()
    assert folder is not None
    fitted = orjson.loads((files("guard.turns") / "forecast.json").read_bytes())
    assert fitted["fitted_with"] == model.read_manifest(folder).model
