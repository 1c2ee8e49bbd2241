"""What the commands read, and what a user should know of it, said on stderr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .console import say
from .errors import ArchcastError
from .options import split_names

if TYPE_CHECKING:
    from .data.architecture import Architectures
    from .data.tables.table import Table
    from .predictors.base import Predictor
    from .predictors.pretrained import PretrainedForecaster


def read_architectures(
    sources: list[str],
    space: Any,
    sample: int | None,
    seed: int,
    hyperparameters: str | None = None,
) -> Architectures:
    """The architectures that sources name; remarks on files among them."""
    from .data.sources import read_candidates
    from .data.spaces.onnx_files import remarks_on_files

    columns = None if hyperparameters is None else split_names(hyperparameters)
    archs = read_candidates(sources, space, sample, seed, columns)
    for told in remarks_on_files(archs):
        say(told)
    return archs


def read_table(
    table: str, space: str | None, target: str | None, hyperparameters: str | None
) -> Table:
    """The table, and for people what its space is where that was inferred."""
    from .data.spaces.inferred import InferredSpace
    from .data.tables.table import load_table

    columns = None if hyperparameters is None else split_names(hyperparameters)
    loaded = load_table(table, space, target, columns)
    if isinstance(loaded.space, InferredSpace):
        say(f"{table}: space {loaded.space.name}, {loaded.space.description}")
    return loaded


def read_predictor(model: Path | None, pretrained: bool) -> Predictor | PretrainedForecaster:
    """The saved predictor, or the bundled models; `ArchcastError` unless one of them is named."""
    if (model is None) != pretrained:
        raise ArchcastError("name either --model or --pretrained")
    if model is not None:
        from .predictors.base import load_predictor

        return load_predictor(model)
    from .predictors.pretrained import pretrained as bundled

    say(
        "forecasts without a label of these networks, by models of other spaces: scores among the"
        " candidates, no accuracies; docs/transfer.md says how well they rank"
    )
    return bundled()
