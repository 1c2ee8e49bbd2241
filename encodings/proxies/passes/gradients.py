"""Backward passes over the graph of the shared forward pass, each by what it needs alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from ..base import MissingValue
from .layers import Layer
from .observers import ChannelSaliency

if TYPE_CHECKING:
    from ..measurements import Measurements


@dataclass(frozen=True)
class InputGradients:
    """Gradient of the sum of the outputs by the inputs, and what the batch says of them.

    Attributes
    ----------
    rows : float32 (n, everything of one input).
    labels : int64 (n,).
    classes : outputs of the network.
    """

    rows: Tensor
    labels: Tensor
    classes: int


def logits(measured: Measurements) -> Tensor:
    """The outputs (n, classes) of the shared forward pass; `MissingValue` for another shape."""
    outputs = measured.forward.outputs
    if outputs.ndim != 2 or len(outputs) != len(measured.batch.labels):
        raise MissingValue(
            f"answers with shape {tuple(outputs.shape)} and not with logits of each input"
        )
    if not outputs.requires_grad:
        raise MissingValue("has an output that depends on no weight")
    return outputs


def loss(measured: Measurements) -> Tensor:
    """Mean cross-entropy of the shared forward pass; `MissingValue` where it is not finite."""
    value = functional.cross_entropy(logits(measured), measured.batch.labels)
    if not torch.isfinite(value):
        raise MissingValue("overflows in the forward pass")
    return value


def weight_gradients(measured: Measurements) -> list[Tensor]:
    """Gradient of the loss by the weight of each layer; zeros for what is not used."""
    weights = [layer.weight for layer in measured.layers]
    value = loss(measured)
    observers = [one for one in measured.forward.observers if isinstance(one, ChannelSaliency)]
    for observer in observers:
        observer.active = True
    found = torch.autograd.grad(value, weights, retain_graph=True, allow_unused=True)
    for observer in observers:
        observer.active = False
    return [
        torch.zeros_like(weight) if gradient is None else gradient
        for weight, gradient in zip(weights, found, strict=True)
    ]


def channel_saliency(measured: Measurements) -> list[tuple[Layer, Tensor]]:
    """What `ChannelSaliency` found in the backward pass of the weight gradients."""
    _ = measured.gradients
    observer = measured.forward.observer(ChannelSaliency)
    if observer.overwritten:
        raise MissingValue("overwrites a layer's output in place")
    return observer.found


def input_gradients(measured: Measurements) -> InputGradients:
    """One backward pass from ones at every output to the inputs."""
    forward = measured.forward
    if not forward.inputs.requires_grad:
        raise MissingValue("reads tokens, which have no gradient")
    outputs = forward.outputs
    if outputs.ndim < 2 or len(outputs) != len(forward.inputs):
        raise MissingValue(f"answers with shape {tuple(outputs.shape)}, not once for each input")
    (found,) = torch.autograd.grad(
        outputs, forward.inputs, torch.ones_like(outputs), retain_graph=True, allow_unused=True
    )
    if found is None:
        raise MissingValue("has an output that does not depend on the input")
    return InputGradients(found.flatten(1), measured.batch.labels, outputs.shape[1])
