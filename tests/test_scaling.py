"""Scaling of proxy values: finite for whatever comes, monotone, and the same after a save."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import norm, rankdata

from archcast.encodings.scaling import BOUND, KNOTS, Scaler
from archcast.errors import ArchcastError

KINDS = ("log", "linear", "standard")
ANY = st.one_of(
    st.floats(),
    st.sampled_from([np.inf, -np.inf, np.nan, 1e32, 1e61, -1e61, 1.7e308, 5e-324, 0.0]),
)


def columns(rows: tuple[int, int]) -> st.SearchStrategy[np.ndarray]:
    shapes = st.tuples(st.integers(*rows), st.just(3))
    return shapes.flatmap(lambda shape: arrays.arrays(np.float64, shape, elements=ANY))


@pytest.mark.parametrize("scaling", ["rank-gauss", "reference"])
@given(fitted=columns((1, 12)), others=columns((0, 12)))
@settings(max_examples=150, deadline=None)
def test_anything_becomes_finite_and_monotone(
    scaling: str, fitted: np.ndarray, others: np.ndarray
) -> None:
    scaler = Scaler(scaling, KINDS).fit(fitted)
    both = np.concatenate([fitted, others])
    with np.errstate(all="raise", under="ignore"):
        scaled = scaler.transform(both)
    assert scaled.dtype == np.float32
    assert scaled.shape == (len(both), 4)
    assert np.isfinite(scaled).all()
    assert (np.abs(scaled) <= BOUND).all()
    assert np.allclose(scaled[:, 3], np.isnan(both).mean(axis=1))
    for column in range(3):
        there = ~np.isnan(both[:, column])
        order = np.argsort(both[there, column], kind="stable")
        assert (np.diff(scaled[there, column][order]) >= -1e-6).all()
    again = Scaler(scaling, KINDS).restore(scaler.arrays())
    assert np.array_equal(again.transform(both), scaled)
    assert all(np.isfinite(array).all() for array in scaler.arrays().values())


@pytest.mark.parametrize("scaling", ["rank-gauss", "reference"])
def test_constant_and_empty_columns_are_zeros_and_missing_values_the_median(scaling: str) -> None:
    values = np.array([[1.0, np.nan, 1], [1, np.nan, 2], [1, np.nan, 7], [1, np.nan, np.nan]])
    scaler = Scaler(scaling, KINDS).fit(values)
    scaled = scaler.transform(np.vstack([values, [[5, 3, 2]]]))
    assert (scaled[:, :2] == 0).all()
    assert scaled[3, 2] == scaled[1, 2] == scaled[4, 2]
    assert np.allclose(scaled[:, 3], [1 / 3, 1 / 3, 1 / 3, 2 / 3, 0])


def test_rank_gauss_is_the_normal_quantile_of_the_mean_rank() -> None:
    x = np.array([3.0, 1e61, -4, 3, np.inf, 2])
    scaled = Scaler("rank-gauss", ["linear"]).fit(x[:, None]).transform(x[:, None])[:, 0]
    assert np.allclose(scaled, norm.ppf((rankdata(x) - 0.5) / 6), atol=1e-6)
    outside = Scaler("rank-gauss", ["linear"]).fit(x[:, None]).transform(np.array([[-9.0]]))
    assert outside[0, 0] == scaled.min()


def test_rank_gauss_keeps_a_bounded_number_of_points() -> None:
    x = np.random.default_rng(0).exponential(size=(20_000, 1))
    scaler = Scaler("rank-gauss", ["linear"]).fit(x)
    assert len(scaler.arrays()["knots"]) == KNOTS
    expected = norm.ppf((rankdata(x) - 0.5) / len(x))
    middle = np.abs(expected) < 3
    assert np.abs(scaler.transform(x)[:, 0] - expected)[middle].max() < 0.05


def test_reference_is_what_the_kind_says() -> None:
    x = np.array([0.0, 3, 8, 99])
    values = np.repeat(x[:, None], 3, axis=1)
    scaled = Scaler("reference", KINDS).fit(values).transform(values)
    assert np.allclose(scaled[:, 0], np.log1p(x) / np.log1p(99))
    assert np.allclose(scaled[:, 1], x / 99)
    assert np.allclose(scaled[:, 2], (x - x.mean()) / x.std())


def test_none_keeps_the_values() -> None:
    values = np.array([[1.5, np.nan], [np.inf, 2]])
    scaler = Scaler("none", KINDS[:2]).fit(values)
    assert np.array_equal(
        scaler.transform(values)[:, :2], values.astype(np.float32), equal_nan=True
    )
    assert scaler.arrays() == {}


def test_what_does_not_fit_is_refused() -> None:
    arrays = Scaler("rank-gauss", KINDS).fit(np.eye(3)).arrays()
    with pytest.raises(ArchcastError, match="choose rank-gauss, reference, none"):
        Scaler("ranks", KINDS)
    with pytest.raises(ArchcastError, match="not of 2 columns"):
        Scaler("rank-gauss", KINDS[:2]).restore(arrays)
    with pytest.raises(ArchcastError, match="the arrays of scaling reference are"):
        Scaler("reference", KINDS).restore(arrays)
    with pytest.raises(ArchcastError, match="finite"):
        Scaler("rank-gauss", KINDS).restore({**arrays, "medians": np.full(3, np.nan)})
    with pytest.raises(ArchcastError, match="not of 3 columns"):
        Scaler("rank-gauss", KINDS).restore({**arrays, "counts": np.array([2, 2, 99])})
