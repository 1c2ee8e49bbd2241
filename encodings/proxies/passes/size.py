"""Parameters and multiply-accumulates of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ....data.networks.counting import count_flops, count_parameters
from .running import seeded

if TYPE_CHECKING:
    from ..measurements import Measurements


@dataclass(frozen=True)
class Size:
    """Number of parameters, and multiply-accumulates of one input."""

    parameters: int
    flops: float


class _OnOneInput(nn.Module):
    """A network that reads one given input, of whatever dtype, instead of the one it is given."""

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        super().__init__()
        self.network = network
        self.example = example

    def forward(self, _: Tensor) -> object:
        """The network's output on the example."""
        return self.network(self.example)


def measure_size(measured: Measurements) -> Size:
    """Count both; the pass runs in evaluation mode on the first input of the batch."""
    example = measured.batch.images[:1].clone()
    with seeded(measured.seed), torch.inference_mode():
        flops = count_flops(_OnOneInput(measured.network, example), tuple(example.shape[1:]))
    return Size(count_parameters(measured.network), flops)
