"""A Gaussian process whose kernel is a weighted sum over the parts of an encoding.

Algebra: Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), equations 2.25
and 2.26 (forecasts), 5.8 and 5.9 (marginal likelihood and its gradient), 5.12 (leave-one-out);
sums of kernels over groups of columns: Duvenaud et al., "Additive Gaussian Processes" (2011).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ..encodings.base import Block
from ..errors import SavedPredictorError
from .relevance import RelevantColumns

if TYPE_CHECKING:
    from .persistence import SavedArrays

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

LENGTHS = (0.5, 2.0)  # of the kernels over all features, where a typical distance is about 1
BELIEF, NOISE, SPREAD = 0.3, 0.1, 2.0  # of weights before any label; give or take e^SPREAD
BOUNDS, NOISE_BOUNDS = (-9.0, 4.0), (-5.0, 1.0)
STEPS = 60  # of the search for weights, at most
MOST_COMPARED = 512  # labels by whose likelihood weights are chosen
NUMBERS = 1 << 21  # distances held at a time


@dataclass(frozen=True)
class Columns:
    """What brings the columns of vectors to one scale, learned from the labelled.

    Attributes
    ----------
    blocks : the parts of the vectors.
    relevant : the scale and the weight of each column.
    """

    blocks: tuple[Block, ...]
    relevant: RelevantColumns

    @classmethod
    def of(cls, x: Vectors, z: Floats, blocks: Sequence[Block]) -> Self:
        """The scale of vectors (n, d) for labels (n,) of mean 0."""
        return cls(tuple(blocks), RelevantColumns.fit(x, z))

    def scaled(self, x: Vectors) -> list[tuple[Block, Floats, float]]:
        """Each block, its columns (n, c) on one scale, and the sum of their squared weights."""
        rows = self.relevant.transform(x)
        stops = np.cumsum([block.columns for block in self.blocks])[:-1]
        squares = np.where(self.relevant.factor > 0, self.relevant.weight**2, 0)
        weights = [float(part.sum()) for part in np.split(squares, stops)]
        return list(zip(self.blocks, np.split(rows, stops, axis=1), weights, strict=True))

    def kernels(self, x: Vectors, labelled: Vectors) -> Iterator[Floats]:
        """Each kernel between architectures (n) and the labelled (m), float64 (n, m).

        Of every block of features a smooth one; two of all features together, of shorter and
        longer reach; a linear one of every block, and of forecasts no other, since they are to be
        followed or not.
        """
        apart, count, lines = np.zeros((len(x), len(labelled))), 0.0, []
        for (block, a, used), (_, b, _) in zip(self.scaled(x), self.scaled(labelled), strict=True):
            if not used:
                continue
            lines.append(a @ b.T / used)
            if block.forecasts:
                continue
            squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * (a @ b.T)
            apart += squares
            count += used
            yield _near(squares / used, 1.0)
        for length in LENGTHS:
            yield _near(apart / (count or 1), length)
        yield from lines

    def own(self, x: Vectors) -> Floats:
        """The variance that each kernel gives to architectures (n), float64 (kernels, n)."""
        parts = [part for part in self.scaled(x) if part[2]]
        smooth = sum(not block.forecasts for block, _, _ in parts) + len(LENGTHS)
        lines = [(rows**2).sum(axis=1) / used for _, rows, used in parts]
        return np.concatenate([np.ones((smooth, len(x))), np.reshape(lines, (-1, len(x)))])


@dataclass(frozen=True)
class AdditiveProcess:
    """A Gaussian process that has seen labels z of vectors x.

    Attributes
    ----------
    columns : their scale.
    x, z : float32 (n, d), the labelled vectors, and float64 (n,), the labels.
    weights : float64 (kernels,), of the sum.
    noise : variance of a label that the sum does not explain.
    factor : float64 (n, n), lower triangular, of the labels' covariance.
    solved : float64 (n,), of each label in a forecast.
    """

    columns: Columns
    x: Vectors
    z: Floats
    weights: Floats
    noise: float
    factor: Floats
    solved: Floats

    @classmethod
    def fit(cls, x: Vectors, z: Floats, blocks: Sequence[Block]) -> Self:
        """Learn from vectors (n, d) and labels (n,) of mean about 0 and variance about 1."""
        columns = Columns.of(x, z, blocks)
        some = np.arange(len(z))
        if len(z) > MOST_COMPARED:
            some = np.random.default_rng(0).permutation(len(z))[:MOST_COMPARED]
        grams = np.stack(list(columns.kernels(x[some], x[some])))
        *weights, noise = _likeliest(grams, z[some])
        return cls._of(columns, x, np.array(weights), float(noise), z)

    @classmethod
    def _of(cls, columns: Columns, x: Vectors, weights: Floats, noise: float, z: Floats) -> Self:
        from scipy.linalg import cho_solve, cholesky

        covariance = _weighted(columns, x, x, weights)
        covariance[np.diag_indices(len(x))] += noise
        factor = cholesky(covariance, lower=True)
        return cls(columns, x, z, weights, noise, factor, cho_solve((factor, True), z))

    def forecast(self, x: Vectors, with_std: bool) -> tuple[Floats, Floats | None]:
        """Means and, if asked for, deviations of what would be measured, float64 (n,)."""
        size = max(1, NUMBERS // len(self.x))
        parts = [self._forecast(x[i : i + size], with_std) for i in range(0, len(x), size)]
        mean, std = (np.concatenate(part) for part in zip(*parts, strict=True))
        return mean, std if with_std else None

    def _forecast(self, x: Vectors, with_std: bool) -> tuple[Floats, Floats]:
        from scipy.linalg import solve_triangular

        covariance = _weighted(self.columns, x, self.x, self.weights)
        mean = covariance @ self.solved
        if not with_std:
            return mean, np.empty(0)
        known = (solve_triangular(self.factor, covariance.T, lower=True) ** 2).sum(axis=0)
        left = np.maximum(self.weights @ self.columns.own(x) - known, 0)
        return mean, np.sqrt(left + self.noise)

    def unseen(self) -> tuple[Floats, Floats]:
        """Forecast and deviation of each label from all the others, float64 (n,) each."""
        from scipy.linalg import solve_triangular

        inverse = solve_triangular(self.factor, np.eye(len(self.z)), lower=True)
        precision = (inverse**2).sum(axis=0)
        return self.z - self.solved / precision, 1 / np.sqrt(precision)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `restore` takes, by name."""
        return {
            "process/x": self.x,
            **self.columns.relevant.arrays(),
            "process/weights": self.weights,
            "process/noise": np.array(self.noise),
            "process/z": self.z,
        }

    @classmethod
    def restore(cls, arrays: SavedArrays, blocks: Sequence[Block]) -> Self:
        """The process that gave `arrays`; `SavedPredictorError` where it cannot be one."""
        width = sum(block.columns for block in blocks)
        columns = Columns(tuple(blocks), RelevantColumns.restore(arrays, width))
        x = arrays.take("process/x", np.float32, (None, width))
        z = arrays.take("process/z", np.float64, (len(x),))
        noise = float(arrays.take("process/noise", np.float64, ()))
        if not len(x) or noise <= 0 or (columns.relevant.factor < 0).any():
            raise SavedPredictorError("the saved process has seen no label or has no scale")
        weights = arrays.take("process/weights", np.float64, (len(columns.own(x)),))
        if (weights < 0).any():
            raise SavedPredictorError("the saved process has negative weights")
        return cls._of(columns, x, weights, noise, z)


def _near(squares: Floats, length: float) -> Floats:
    """The Matern kernel of smoothness 3/2 (Rasmussen and Williams, 4.17) of squared distances."""
    away = np.sqrt(np.maximum(squares, 0) * 3) / length
    near: Floats = (1 + away) * np.exp(-away)
    return near


def _weighted(columns: Columns, x: Vectors, labelled: Vectors, weights: Floats) -> Floats:
    total = np.zeros((len(x), len(labelled)))
    for weight, kernel in zip(weights, columns.kernels(x, labelled), strict=True):
        kernel *= weight
        total += kernel
    return total


def _likeliest(grams: Floats, z: Floats) -> Floats:
    """Weights of kernels (k, n, n) and the noise, float64 (k + 1,): the largest posterior density
    under a wide log-normal belief, which few labels need."""
    from scipy.optimize import minimize

    belief = np.log([BELIEF] * len(grams) + [NOISE])
    found = minimize(
        _cost,
        belief,
        (grams, z, belief),
        method="L-BFGS-B",
        jac=True,
        bounds=[*[BOUNDS] * len(grams), NOISE_BOUNDS],
        options={"maxiter": STEPS},
    )
    return np.exp(found.x)


def _cost(logarithms: Floats, grams: Floats, z: Floats, belief: Floats) -> tuple[float, Floats]:
    """Negative logarithm of the posterior density of weights, and its gradient (k + 1,)."""
    from scipy.linalg import cho_solve

    *weights, noise = np.exp(logarithms)
    covariance = np.tensordot(weights, grams, 1)
    covariance[np.diag_indices(len(z))] += noise
    factor = np.linalg.cholesky(covariance)
    solved = cho_solve((factor, True), z)
    pull = np.outer(solved, solved) - cho_solve((factor, True), np.eye(len(z)))
    slopes = np.append(weights * np.tensordot(grams, pull, 2), noise * pull.trace())
    beyond = (logarithms - belief) / SPREAD
    cost = z @ solved / 2 + np.log(factor.diagonal()).sum() + beyond @ beyond / 2
    return float(cost), beyond / SPREAD - slopes / 2
