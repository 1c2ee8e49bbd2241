"""How well whole networks rank, as text and as graph kernels: boosted trees on few labels.

    python benchmarks/text_and_kernels.py > text_and_kernels.md

NAS-Bench-201 on CIFAR-10: 600 held-out architectures of a sample, mean and standard deviation of
Kendall's tau over the trials, each with splits and seeds of its own. The encodings see the network
alone, as a file in ONNX would hold it, and know nothing of cells.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import archcast
from archcast.evaluation.metrics import kendall_tau
from archcast.predictors.base import make_predictor

TABLE = "nasbench201/cifar10"
LABELS = (50, 100, 200, 400)
HELD_OUT = 600
ENCODINGS = ("weisfeiler-lehman", "onnx-text", "graph-features")


def measure(encoding: str, trials: int, seed: int) -> tuple[dict[int, list[float]], float]:
    """Kendall's tau of each trial by number of labels, and milliseconds to encode a network."""
    table = archcast.load_table(TABLE)
    target = np.asarray(table.target)
    taus: dict[int, list[float]] = {labels: [] for labels in LABELS}
    seconds, encoded = 0.0, 0
    for trial in range(trials):
        drawn = np.random.default_rng([seed, trial]).permutation(len(table))
        drawn = drawn[: HELD_OUT + max(LABELS)]
        archs, y = table.architectures[drawn], target[drawn]
        start = time.process_time()
        x = archcast.encode(archs, encoding)
        seconds, encoded = seconds + time.process_time() - start, encoded + len(archs)
        for labels in LABELS:
            learned = slice(HELD_OUT, HELD_OUT + labels)
            model = make_predictor("xgboost", encoding=None, seed=trial)
            forecasts = model.fit(x[learned], y[learned]).predict(x[:HELD_OUT])
            taus[labels].append(kendall_tau(forecasts, y[:HELD_OUT]))
    return taus, 1e3 * seconds / encoded


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"Kendall's tau on {HELD_OUT} held-out architectures of {TABLE}, `xgboost`,")
    print(f"{arguments.trials} trials, mean ± standard deviation.\n")
    print("| encoding | " + " | ".join(f"{n} labels" for n in LABELS) + " | ms a network |")
    print("|---|" + "---|" * (len(LABELS) + 1))
    for encoding in ENCODINGS:
        taus, cost = measure(encoding, arguments.trials, arguments.seed)
        cells = [f"{np.mean(taus[n]):.3f} ± {np.std(taus[n]):.3f}" for n in LABELS]
        print(f"| {encoding} | " + " | ".join(cells) + f" | {cost:.2f} |", flush=True)


if __name__ == "__main__":
    main()
