"""Forecasts from the bundled models of other spaces, without a label."""

from __future__ import annotations

from typing import ClassVar, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ..data.architecture import as_architectures
from ..data.spaces.base import SearchSpace
from ..encodings.base import ArchitecturesLike
from ..encodings.transfer import forecast_without_labels

Floats = NDArray[np.float64]


class PretrainedForecaster:
    """Ranks candidates of any space, and ONNX files, by models of other spaces.

    Forecasts are normal scores among the candidates that are asked about together, not
    accuracies: 0 is the middle of them, and another set of candidates gives other scores. How
    well they rank spaces that they did not see: docs/transfer.md.
    """

    name: ClassVar[str] = "pretrained"
    space_: ClassVar[None] = None  # it belongs to no space

    @overload
    def predict(
        self,
        archs: ArchitecturesLike,
        return_std: Literal[False] = False,
        space: SearchSpace | str | None = None,
    ) -> Floats: ...

    @overload
    def predict(
        self,
        archs: ArchitecturesLike,
        return_std: Literal[True],
        space: SearchSpace | str | None = None,
    ) -> tuple[Floats, Floats]: ...

    def predict(
        self,
        archs: ArchitecturesLike,
        return_std: bool = False,
        space: SearchSpace | str | None = None,
    ) -> Floats | tuple[Floats, Floats]:
        """Normal scores, float64 (n,), and with `return_std` the error on unseen spaces (n,).

        `ArchitectureError` for malformed architectures, `ArchcastError` where the space cannot
        write its networks.
        """
        batch = as_architectures(archs, space)
        if not len(batch):
            return (np.empty(0), np.empty(0)) if return_std else np.empty(0)
        scores, error = forecast_without_labels(batch)
        return (scores, np.full(len(scores), error)) if return_std else scores

    def rank(
        self, archs: ArchitecturesLike, space: SearchSpace | str | None = None
    ) -> NDArray[np.int64]:
        """Indices of the architectures, best forecast first, ties by position; int64 (n,)."""
        return np.argsort(-self.predict(archs, space=space), kind="stable")

    def distances(self, archs: ArchitecturesLike) -> None:
        """None: how far candidates lie from what the models saw, it cannot tell."""


def pretrained() -> PretrainedForecaster:
    """What ranks any architectures without a label."""
    return PretrainedForecaster()
