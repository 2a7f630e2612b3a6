"""Rounding while training: as coarse as int8 is, and invisible to the gradient."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from detectors.training.rounding import Rounding, rounded


@given(st.lists(st.floats(-40, 40, width=32), min_size=2, max_size=60))
def test_it_moves_no_value_by_more_than_a_step_and_the_gradient_not_at_all(values: list[float]) -> None:
    given_ = torch.tensor(values, requires_grad=True)
    found = rounded(given_)
    low, high = min(0.0, min(values)), max(0.0, max(values))
    step = max((high - low) / 255, 1e-9)
    assert float((found - given_).detach().abs().max()) <= step * 1.01 + 1e-5
    assert len(set(torch.round(found.detach() / step).tolist())) <= 256
    found.sum().backward()
    assert given_.grad is not None
    assert torch.equal(given_.grad, torch.ones_like(given_))


def test_zero_stays_zero() -> None:
    assert float(rounded(torch.tensor([0.0, 3.3, -1.7]))[0]) == 0.0


def test_a_network_feels_it_only_while_it_is_on() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 2))
    given_ = torch.randn(4, 8)
    plain = network(given_)
    rounding = Rounding(network)
    assert torch.equal(network(given_), plain)
    with rounding.on():
        felt = network(given_)
    assert not torch.equal(felt, plain)
    assert torch.allclose(felt, plain, atol=0.1)
    assert torch.equal(network(given_), plain)


def test_only_what_lies_far_out_costs() -> None:
    network = nn.Sequential(nn.Linear(4, 4))
    rounding = Rounding(network)
    with rounding.on():
        network(torch.full((2, 4), 5.0))
    assert float(rounding.cost()) == 0.0
    with rounding.on():
        network(torch.tensor([[5.0, -8.0, 0.0, 0.0]]))
    assert float(rounding.cost()) == 1.0  # (8 - 6)² of one in four
