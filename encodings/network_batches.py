"""Architectures as canonical networks, a part of the batch at a time."""

from __future__ import annotations

from collections.abc import Iterator

from ..data.architecture import Architectures
from ..data.canonical import canonical
from ..data.network_graph import NetworkGraphs

CHUNK = 1024  # architectures written at a time: networks take some 10 kB each


def network_batches(archs: Architectures) -> Iterator[tuple[slice, NetworkGraphs]]:
    """Which architectures, and their canonical networks.

    `ArchcastError` where the space cannot write its networks.
    """
    for start in range(0, len(archs), CHUNK):
        part = slice(start, min(start + CHUNK, len(archs)))
        yield part, canonical(archs.space.networks(archs[part]))
