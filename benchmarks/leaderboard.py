"""Kendall's tau of `auto` at every label budget, beside the best published: docs/leaderboard.md.

    python benchmarks/leaderboard.py            all rows
    python benchmarks/leaderboard.py --rows nasbench201-full --methods best

One method with one set of defaults. Defaults were chosen on NAS-Bench-101 and on three tasks of
TransNAS-Bench-101 (class_object, jigsaw, normal). What `transfer` brings was learned from tables of
other spaces only. Published figures are of their authors' runs, or of ours of their code (FLAN,
run); see docs/leaderboard.md for what else differs.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import archcast
from archcast.evaluation.metrics import kendall_tau, spearman

TRIALS = 5


@dataclass(frozen=True)
class Row:
    """A table, a protocol, and the best published tau at each number of labels."""

    table: str
    protocol: str
    published: dict[int, str]


ROWS = {
    "nasbench201-full": Row(
        "nasbench201/cifar10",
        "full",
        {16: ".630", 78: ".795 / .836", 156: ".804", 469: ".860", 781: ".879", 1563: ".901"},
    ),
    "nasbench201-graf": Row(
        "nasbench201/cifar10", "graf", {46: ".753", 233: ".834", 467: ".858", 935: ".877"}
    ),
    "nasbench101-full": Row(
        "nasbench101/cifar10", "full", {100: ".717", 172: ".765", 424: ".812", 4236: ".877"}
    ),
    "transnasbench101": Row(
        "transnasbench101-micro/class_scene",
        "full",
        {32: ".649", 64: ".722", 128: ".775", 256: ".797"},
    ),
    **{
        f"few-shot-{name}": Row(f"nds-{name}/imagenet", "full", {16: ".46 (mean of other sweeps)"})
        for name in ("darts", "enas", "nasnet", "pnas")
    },
}


METHODS = {
    "auto": ("auto", None),
    "structure": ("auto", "graph-features"),  # no forecast from other spaces
    "best": ("best", None),
}


def lines(row: Row, names: list[str], most: int) -> list[str]:
    """The Markdown lines of a row, one for each number of labels and method."""
    table = archcast.load_table(row.table)
    methods = [METHODS[name] for name in names]
    counts = [count for count in row.published if count <= most]
    report = archcast.evaluate(table, methods, counts, TRIALS, protocol=row.protocol)
    ceiling = report["ceiling"]["tau"]
    result = []
    for found in report["results"]:
        tau, apart = found["kendall_tau"], found["kendall_tau_without_twins"]
        seconds = " / ".join(
            f"{found['seconds'][part]:.2f}" for part in ("encode", "fit", "predict")
        )
        told = [
            row.table,
            row.protocol,
            f"{found['labels']:,}",
            found["predictor"],
            found["encoding"] or "graphs, transfer",
            f"{tau['mean']:.3f} ± {tau['std']:.3f}",
            f"{apart['mean']:.3f}",
            row.published[found["labels"]],
            f"{report['baselines']['params']:.3f} / {report['baselines']['flops']:.3f}",
            "unknown" if ceiling is None else f"{ceiling:.3f}",
            seconds,
        ]
        result.append("| " + " | ".join(told) + " |")
    return result


def main() -> None:
    """Print the Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="*", default=[*ROWS, "zero"], help="which of the rows")
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--most", type=int, default=10_000, help="no more labels than these")
    given = parser.parse_args()
    chosen = given.rows
    head = (
        "table",
        "protocol",
        "labels",
        "predictor",
        "encoding",
        "tau",
        "without twins",
        "best published",
    )
    head = (*head, "params / FLOPs", "ceiling", "seconds")
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for name in (name for name in ROWS if name in chosen):
        print("\n".join(lines(ROWS[name], given.methods, given.most)), flush=True)
    if "zero" in chosen:
        table = archcast.load_table("nasbench201/cifar10")
        forecast = archcast.pretrained().predict(table.architectures)
        tau, rho = kendall_tau(table.target, forecast), spearman(table.target, forecast)
        print(f"\nWithout labels, nasbench201/cifar10: tau {tau:.3f}, Spearman {rho:.3f}.")


if __name__ == "__main__":
    main()
