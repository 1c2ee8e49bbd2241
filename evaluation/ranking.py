"""Ranking candidates by a fitted predictor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict

import numpy as np

from ..data.architecture import Architectures
from ..files import check_format, write_beside
from ..predictors.base import Predictor
from ..predictors.familiarity import OUTSIDE
from ..predictors.pretrained import PretrainedForecaster

FORMATS = (".csv", ".parquet")
Forecaster = Predictor | PretrainedForecaster
NAMED = 5  # candidates that a remark names


class Ranked(TypedDict):
    """One candidate: its rank from 1, its string, the forecast and its standard deviation.

    `distance` is that from the architectures that the predictor was fitted on, None where the
    predictor cannot tell it; see `Predictor.distances`.
    """

    rank: int
    candidate: str
    prediction: float
    std: float
    distance: float | None


def rank_candidates(predictor: Forecaster, archs: Architectures) -> list[Ranked]:
    """All candidates, best forecast first, ties in the order given."""
    mean, std = predictor.predict(archs, return_std=True)
    found = predictor.distances(archs)
    distances = [None] * len(mean) if found is None else found.tolist()
    strings = archs.strings()
    order = np.argsort(-mean, kind="stable").tolist()
    return [
        Ranked(
            rank=place,
            candidate=strings[i],
            prediction=float(mean[i]),
            std=float(std[i]),
            distance=distances[i],
        )
        for place, i in enumerate(order, start=1)
    ]


def remark_on(predictor: Forecaster, ranking: list[Ranked]) -> str:
    """What to tell a user of candidates unlike those of the fit, one line; empty for nothing."""
    known = [(row["distance"], row["candidate"]) for row in ranking if row["distance"] is not None]
    if len(known) < len(ranking):
        return f"{predictor.name} cannot tell how far candidates lie from what it was trained on"
    far = sorted((pair for pair in known if pair[0] > OUTSIDE), reverse=True)
    if not far:
        return ""
    named = [f"{name[:60]} ({distance:.1f} times)" for distance, name in far[:NAMED]]
    more = f" and {len(far) - NAMED:,} more" if len(far) > NAMED else ""
    return (
        f"warning: outside what the predictor was trained on, more than {OUTSIDE} times farther"
        " than training architectures are from each other:"
        f" {len(far):,} of {len(ranking):,} candidates, {', '.join(named)}{more}"
    )


def write_ranking(path: str | os.PathLike[str], ranking: list[Ranked]) -> None:
    """Write a ranking as CSV or Parquet, by the ending of the name."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    check_format(path, FORMATS)
    columns = [
        ("rank", pa.int64()),
        ("candidate", pa.string()),
        *((name, pa.float64()) for name in ("prediction", "std", "distance")),
    ]
    table = pa.Table.from_pylist(ranking, pa.schema(columns))
    with write_beside(path) as draft:
        if Path(path).suffix == ".csv":
            pyarrow.csv.write_csv(table, draft)
        else:
            pq.write_table(table, draft)
