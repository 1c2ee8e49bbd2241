"""The losses equal their definitions, written out slowly, and so do their gradients."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from archcast.errors import UnknownNameError
from archcast.predictors.losses import LOSSES, SHARPNESS, get_loss

Numbers = list[float]

every = pytest.mark.parametrize("name", LOSSES)
ranking = pytest.mark.parametrize("name", [name for name in LOSSES if name != "mse"])


def pairs(targets: Numbers) -> list[tuple[int, int]]:
    """The better and the worse example of each pair."""
    places = range(len(targets))
    return [(i, j) for i in places for j in places if targets[i] > targets[j]]


def mse(s: Numbers, t: Numbers) -> float:
    return sum((a - b) ** 2 for a, b in zip(s, t, strict=True)) / len(s)


def hinge(s: Numbers, t: Numbers) -> float:
    return sum(max(0.0, 0.1 - (s[i] - s[j])) for i, j in pairs(t)) / max(1, len(pairs(t)))


def logistic(s: Numbers, t: Numbers) -> float:
    losses = [math.log(1 + math.exp(s[j] - s[i])) for i, j in pairs(t)]
    return sum(losses) / max(1, len(losses))


def listmle(s: Numbers, t: Numbers) -> float:
    """Minus the log-probability of drawing the best first, then the next among the rest, ..."""
    order = sorted(range(len(t)), key=lambda i: -t[i])
    total = 0.0
    for place, i in enumerate(order):
        total -= math.log(math.exp(s[i]) / sum(math.exp(s[j]) for j in order[place:]))
    return total / len(t)


def warp(s: Numbers, t: Numbers) -> float:
    total = 0.0
    for i in range(len(t)):
        short = [0.1 - s[i] + s[j] for j in range(len(t)) if t[i] > t[j]]
        short = [value for value in short if value > 0]
        harmonic = sum(1 / rank for rank in range(1, len(short) + 1))
        total += harmonic / len(short) * sum(short) if short else 0.0
    return total / max(1, len(pairs(t)))


def diffkendall(s: Numbers, t: Numbers) -> float:
    total = 0.0
    for i, j in pairs(t):
        x = SHARPNESS * (s[i] - s[j]) * (t[i] - t[j])
        total += 1 - (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x))
    return total / max(1, len(pairs(t)))


SLOW: dict[str, Callable[[Numbers, Numbers], float]] = {
    "mse": mse,
    "hinge": hinge,
    "logistic": logistic,
    "listmle": listmle,
    "warp": warp,
    "diffkendall": diffkendall,
}


def draw(seed: int, *shape: int) -> tuple[Tensor, Tensor]:
    """Scores, and targets some of which are equal."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 6, shape).astype(float) / 2
    return torch.from_numpy(rng.normal(size=shape)), torch.from_numpy(targets)


@every
@pytest.mark.parametrize("seed", range(5))
def test_definition(name: str, seed: int) -> None:
    scores, targets = draw(seed, 9)
    expected = SLOW[name](scores.tolist(), targets.tolist())
    assert get_loss(name)(scores, targets).item() == pytest.approx(expected, rel=1e-9)


@every
def test_members_do_not_see_each_other(name: str) -> None:
    scores, targets = draw(7, 3, 2, 8)
    together = get_loss(name)(scores, targets)
    assert together.shape == (3, 2)
    for k in range(3):
        for m in range(2):
            alone = SLOW[name](scores[k, m].tolist(), targets[k, m].tolist())
            assert together[k, m].item() == pytest.approx(alone, rel=1e-9)


@every
def test_gradient(name: str) -> None:
    scores, targets = draw(3, 2, 7)
    scores.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: get_loss(name)(s, targets), (scores,))


@ranking
def test_a_step_along_the_gradient_mends_a_wrong_order(name: str) -> None:
    targets = torch.arange(6.0)
    scores = -targets / 10
    for _ in range(200):
        scores = scores.detach().requires_grad_()
        get_loss(name)(scores, targets).backward()  # type: ignore[no-untyped-call]
        scores = scores - 0.5 * scores.grad
    assert (scores.diff() > 0).all()


@pytest.mark.parametrize("name", ["hinge", "logistic", "warp", "listmle"])
def test_only_the_order_of_the_targets_counts(name: str) -> None:
    scores, targets = draw(1, 10)
    stretched = get_loss(name)(scores, targets**3 * 100 - 7)
    assert stretched.item() == get_loss(name)(scores, targets).item()


@pytest.mark.parametrize("name", ["hinge", "logistic", "warp", "diffkendall"])
def test_equal_targets_have_no_loss(name: str) -> None:
    scores = torch.randn(5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = get_loss(name)(scores, torch.ones(5))
    assert loss.item() == 0
    loss.backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert (scores.grad == 0).all()


def test_warp_weighs_the_top() -> None:
    """One of many wrong pairs costs less than a lone one; the plain hinge sees no difference."""
    targets = torch.arange(10.0)
    best_last, worst_first = targets.clone(), targets.clone()
    best_last[9], worst_first[0] = -1.0, 10.0
    plain = [get_loss("hinge")(s, targets).item() for s in (best_last, worst_first)]
    weighted = [get_loss("warp")(s, targets).item() for s in (best_last, worst_first)]
    assert plain[0] == pytest.approx(plain[1])
    assert weighted[0] < weighted[1] / 2


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown loss 'hing'.*hinge"):
        get_loss("hing")
