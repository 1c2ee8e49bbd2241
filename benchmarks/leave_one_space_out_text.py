"""Text, graph kernels and a transformer on a space of which they saw no label.

    python benchmarks/leave_one_space_out_text.py > leave_one_space_out_text.md

From each bundled table of image classification a few labelled architectures are drawn. For every
table, a predictor learns from the labels of all others, brought to the normal scores of their
ranks within their table, and is asked to rank architectures of the table left out. Beside them,
ranking by the network's parameters and by its multiply-accumulates, which needs no label.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import archcast
from archcast.data.canonical import canonical
from archcast.data.network_graph import NetworkGraphs, join_networks
from archcast.encodings.base import make_encoding
from archcast.evaluation.metrics import kendall_tau
from archcast.predictors.base import make_predictor
from archcast.predictors.targets import RankGauss

TABLES = (
    "nasbench201/cifar10",
    "nasbench101/cifar10",
    "transnasbench101-micro/class_scene",
    "transnasbench101-macro/class_scene",
    "darts",
    "nds-darts",
    "nds-enas",
    "nds-nasnet",
    "nds-pnas",
    "nds-resnet",
    "nds-resnext-a",
)
ENCODINGS = ("weisfeiler-lehman", "onnx-text")
TRANSFORMER = "text-transformer"


@dataclass(frozen=True)
class Sample:
    """Networks of one table and what was measured of them."""

    name: str
    learned: NetworkGraphs
    labels: NDArray[np.float64]  # normal scores of the ranks of `learned`
    tested: NetworkGraphs
    target: NDArray[np.float64]


def draw(name: str, labels: int, tested: int, seed: int) -> Sample:
    """A sample of a table, learned and tested architectures apart."""
    table = archcast.load_table(name)
    target = np.asarray(table.target, np.float64)
    known = np.random.default_rng(seed).permutation(np.flatnonzero(np.isfinite(target)))
    first, second = known[:labels], known[labels : labels + tested]
    parts = [
        canonical(table.space.networks(table.architectures[chosen])) for chosen in (first, second)
    ]
    scores = RankGauss.fit(target[first]).transform(target[first])
    return Sample(name, parts[0], scores, parts[1], target[second])


def sizes(graphs: NetworkGraphs) -> dict[str, NDArray[np.float64]]:
    """Weights and multiply-accumulates of each network, float64 (n,)."""
    return {
        "by weights": np.bincount(graphs.owner, graphs.weights, len(graphs)),
        "by multiply-accumulates": np.bincount(graphs.owner, graphs.macs, len(graphs)),
    }


def forecasts(samples: list[Sample], left_out: Sample, seed: int) -> dict[str, NDArray[Any]]:
    """What each method forecasts for the table left out."""
    others = [sample for sample in samples if sample is not left_out]
    graphs = join_networks([sample.learned for sample in others])
    y = np.concatenate([sample.labels for sample in others])
    found = dict(sizes(left_out.tested))
    for name in ENCODINGS:
        encoding = make_encoding(name)
        model = make_predictor("xgboost", encoding=None, seed=seed)
        model.fit(encoding.network_vectors(graphs), y)  # type: ignore[attr-defined]
        vectors = encoding.network_vectors(left_out.tested)  # type: ignore[attr-defined]
        found[f"xgboost on {name}"] = model.predict(vectors)
    model = make_predictor(TRANSFORMER, seed=seed, epochs=20).fit(graphs, y)
    found[TRANSFORMER] = model.predict(left_out.tested)
    return found


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labels", type=int, default=40, help="of each table")
    parser.add_argument("--tested", type=int, default=150)
    parser.add_argument("--tables", nargs="+", default=TABLES)
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    start = time.process_time()
    samples = [draw(name, told.labels, told.tested, told.seed) for name in told.tables]
    print(f"Kendall's tau on {told.tested} architectures of the table left out,")
    print(f"{told.labels} labels of each other table, seed {told.seed}.\n")
    methods = [*sizes(samples[0].tested), *(f"xgboost on {name}" for name in ENCODINGS)]
    methods.append(TRANSFORMER)
    print("| left out | " + " | ".join(methods) + " |")
    print("|---|" + "---|" * len(methods))
    taus = []
    for sample in samples:
        found = forecasts(samples, sample, told.seed)
        taus.append([kendall_tau(found[method], sample.target) for method in methods])
        row = " | ".join(f"{tau:.3f}" for tau in taus[-1])
        print(f"| {sample.name} | {row} |", flush=True)
    print("| mean | " + " | ".join(f"{tau:.3f}" for tau in np.mean(taus, axis=0)) + " |")
    print(f"\n{time.process_time() - start:.0f} seconds of processor time in all.")


if __name__ == "__main__":
    main()
