"""`xgboost`: gradient-boosted trees on vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ..errors import ArchcastError, SavedPredictorError
from .base import Floats, VectorPredictor, Vectors, count_threads, register_predictor
from .booster_json import read_booster, read_trees
from .targets import RankAndValue
from .trees import join

if TYPE_CHECKING:
    from xgboost import Booster

    from ..encodings.base import Encoding
    from .onnx_writer import GraphWriter
    from .persistence import SavedArrays


@register_predictor
class XGBoostPredictor(VectorPredictor):
    """Gradient-boosted trees (Chen and Guestrin, KDD 2016), cross-validated and averaged.

    One member is boosted for each fold of the labels, on all other folds. All members keep as
    many trees as forecast the folds that they did not see best, and the forecast is their mean.
    Labels are transformed by `RankAndValue`.

    Parameters
    ----------
    encoding : name of an encoding, an `Encoding`, or None to take vectors.
    n_estimators : trees of a member, at most.
    max_depth, learning_rate : of a tree.
    subsample : share of the labels that a tree sees.
    colsample_bynode : share of the columns tried at each split.
    folds : members; fewer where there are fewer labels.
    seed : draws folds, labels and columns.
    n_jobs : threads; None for one, -1 for every core. The answer does not depend on it.

    Notes
    -----
    The deviation joins two, in quadrature: the spread of the members at the candidate, and the
    root mean square error of each label's forecast by the member that did not see it. The
    second holds the label's noise and what a member cannot learn, but is the same everywhere
    on the transformed scale, and is that of one member where their mean is better: on average
    the deviation is too wide rather than too narrow.
    """

    name = "xgboost"
    minimum_labels = 5

    members_: list[Booster]
    target_: RankAndValue
    noise_: float

    def __init__(
        self,
        encoding: str | Encoding | None = "graph-features",
        n_estimators: int = 500,
        max_depth: int = 4,
        learning_rate: float = 0.05,
        subsample: float = 0.5,
        colsample_bynode: float = 0.2,
        folds: int = 5,
        seed: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.encoding = encoding
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample_bynode = colsample_bynode
        self.folds = folds
        self.seed = seed
        self.n_jobs = n_jobs

    def _fit_vectors(self, x: Vectors, y: Floats) -> None:
        if self.folds < 2:
            raise ArchcastError(f"folds is {self.folds}; xgboost needs two or more")
        self.target_ = RankAndValue.fit(y)
        folds = min(self.folds, len(y))
        rng = np.random.default_rng(self.seed)
        fold = rng.permutation(len(y)) % folds
        seeds = rng.integers(2**31, size=folds).tolist()
        members, errors = self._boost(x, self.target_.transform(y), fold, seeds)
        unseen = np.sqrt(np.average(errors**2, axis=0, weights=np.bincount(fold)))
        trees = int(unseen.argmin()) + 1
        self.members_ = [member[:trees] for member in members]
        self.noise_ = float(unseen[trees - 1])

    def _boost(
        self, x: Vectors, z: Floats, fold: NDArray[np.int64], seeds: list[int]
    ) -> tuple[list[Booster], Floats]:
        """The member of each fold, and its error there after each tree, (folds, trees)."""
        import xgboost

        params = {
            "max_depth": self.max_depth,
            "eta": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bynode": self.colsample_bynode,
            "base_score": 0.0,
            "tree_method": "hist",
            "nthread": 1,  # histograms added up by several threads differ in the last digits
            "eval_metric": "rmse",
        }
        errors: list[dict[str, dict[str, list[float]]]] = [{} for _ in seeds]
        tasks = [
            delayed(xgboost.train)(
                params | {"seed": seed},
                xgboost.DMatrix(x[fold != k], z[fold != k], nthread=1),
                self.n_estimators,
                evals=[(xgboost.DMatrix(x[fold == k], z[fold == k], nthread=1), "unseen")],
                evals_result=errors[k],
                verbose_eval=False,
            )
            for k, seed in enumerate(seeds)
        ]
        try:
            members = Parallel(count_threads(self.n_jobs), require="sharedmem")(tasks)
        except xgboost.core.XGBoostError as error:
            reason = str(error).splitlines()[0]
            raise ArchcastError(f"xgboost does not take its parameters: {reason}") from error
        return members, np.array([result["unseen"]["rmse"] for result in errors])

    def _members_forecast(self, x: Vectors) -> Floats:
        """What each member forecasts, on the transformed scale; float64 (members, n)."""
        threads = count_threads(self.n_jobs)
        for member in self.members_:
            member.set_param({"nthread": threads})
        return np.stack([member.inplace_predict(x) for member in self.members_]).astype(np.float64)

    def _predict_vectors(self, x: Vectors, with_std: bool) -> tuple[Floats, Floats | None]:
        forecasts = self._members_forecast(x)
        mean = forecasts.mean(axis=0)
        forecast = self.target_.inverse(mean)
        if not with_std:
            return forecast, None
        std = np.hypot(forecasts.std(axis=0, ddof=1), self.noise_)
        return forecast, self.target_.inverse_std(mean, std)

    def _onnx_graph(self, graph: GraphWriter) -> tuple[str, str]:
        from .onnx_writer import write_target, write_trees

        parts = [read_trees(bytes(member.save_raw("json"))) for member in self.members_]
        trees = join(parts)
        member = np.repeat(np.arange(len(parts)), [len(part.sizes) for part in parts])
        vectors = graph.vectors(self.n_features_in_)
        sums = write_trees(graph, trees, vectors, member, "BRANCH_LT", trees.value)
        mean, spread = graph.deviation(graph.cast(sums), 1, len(parts), ddof=1)
        return write_target(graph, self.target_, mean, graph.hypot(spread, self.noise_))

    def _state(self) -> dict[str, NDArray[Any]]:
        return {
            "members": np.array(len(self.members_)),
            "noise": np.array(self.noise_),
            **self.target_.arrays(),
        }

    def _write_members(self, folder: Path) -> None:
        for index, member in enumerate(self.members_):
            member.save_model(folder / _member_name(index))

    def _restore(self, arrays: SavedArrays, folder: Path) -> None:
        count = int(arrays.take("members", np.int64, ()))
        if count < 2:
            raise SavedPredictorError(f"xgboost with {count} members")
        self.members_ = [
            read_booster((folder / _member_name(index)).read_bytes(), self.n_features_in_)
            for index in range(count)
        ]
        self.noise_ = float(arrays.take("noise", np.float64, ()))
        self.target_ = RankAndValue.restore(arrays)


def _member_name(index: int) -> str:
    return f"member-{index}.json"
