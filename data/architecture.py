"""Architectures: a batch of architectures of one search space, as arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import ArchitectureError, TableError
from ..files import write_beside
from .canonical import canonical, network_hashes
from .graph import Graphs, Index
from .network_graph import NetworkGraphs

if TYPE_CHECKING:
    from .onnx_file import Source
    from .spaces.base import SearchSpace

Identity = Literal["code", "live", "contracted", "skeleton"]


class Architectures:
    """A batch of n architectures of one search space.

    Indexing with an integer gives an `Architecture`; slices, masks and index arrays give a new
    batch, so scikit-learn's splitters work on it.

    Parameters
    ----------
    space : the search space.
    codes : integers (n, c), the space's compact code, one row an architecture; not copied.
    """

    def __init__(self, space: SearchSpace, codes: NDArray[Any]) -> None:
        self.space = space
        self.codes = codes

    @property
    def shape(self) -> tuple[int]:
        """(n,): a batch is one-dimensional to scikit-learn."""
        return (len(self.codes),)

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> Architecture: ...

    @overload
    def __getitem__(self, index: Index | tuple[Any, ...]) -> Architectures: ...

    def __getitem__(
        self, index: int | np.integer[Any] | Index | tuple[Any, ...]
    ) -> Architecture | Architectures:
        if isinstance(index, tuple):  # scikit-learn asks for archs[indices, ...]
            index = index[0]
        if isinstance(index, (int, np.integer)):
            return Architecture(self.space, self.codes[index])
        part = Architectures(self.space, self.codes[index])
        if "graphs" in self.__dict__:
            part.__dict__["graphs"] = self.graphs[index]
        if "networks" in self.__dict__:
            part.__dict__["networks"] = self.networks[index]
        return part

    def __iter__(self) -> Iterator[Architecture]:
        return (Architecture(self.space, code) for code in self.codes)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Architectures)
            and self.space.name == other.space.name
            and np.array_equal(self.codes, other.codes)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} architectures of {self.space.name}>"

    @cached_property
    def graphs(self) -> Graphs:
        """The operation-on-node graphs, built when first asked for."""
        return self.space.graph(self.codes)

    @cached_property
    def networks(self) -> NetworkGraphs:
        """The whole networks as graphs, written when first asked for."""
        return self.space.networks(self)

    def distinct_networks(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """One architecture of each network, as far as the space knows equal ones without writing
        them: their rows (m), and which of these rows has the network of each architecture (n)."""
        identity = self.space.network_identity
        if identity is None:
            return np.arange(len(self)), np.arange(len(self))
        _, rows, which = np.unique(self.hashes(identity), return_index=True, return_inverse=True)
        return rows, which

    def strings(self) -> list[str]:
        """The architectures as the space writes them."""
        return self.space.format(self.codes)

    def hashes(self, identity: Identity = "live") -> NDArray[np.uint64]:
        """Isomorphism-invariant hashes; uint64 (n,).

        Of the space's graph, with its name mixed in: `code` counts everything as written, `live`
        drops what cannot influence the output, `contracted` also contracts identities. Of the
        whole network in canonical form, the same for every space and file that write it:
        `skeleton`; `ArchcastError` where the space has no networks.
        """
        if identity == "skeleton":
            return network_hashes(canonical(self.networks))
        if identity not in ("code", "live", "contracted"):
            raise ArchitectureError(
                f"unknown identity {identity!r}; choose code, live, contracted or skeleton"
            )
        return self.space.cell_hashes(self, identity)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write one column `architecture`, the space's reference in the metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table({"architecture": self.strings()})
        with write_beside(path) as draft:
            pq.write_table(table.replace_schema_metadata({"space": self.space.reference}), draft)

    @staticmethod
    def from_parquet(path: str | os.PathLike[str]) -> Architectures:
        """Read what `to_parquet` wrote; `TableError` where the file is not such a file."""
        from .parquet import read_whole_parquet
        from .spaces.base import get_space

        table = read_whole_parquet(Path(path))
        space = (table.schema.metadata or {}).get(b"space")
        if space is None or "architecture" not in table.column_names:
            raise TableError(f"{path} holds no architectures; write it with to_parquet")
        return get_space(space.decode()).architectures(table["architecture"].to_pylist())


class Architecture:
    """One architecture: a row of `Architectures`, equal and hashed by its code."""

    def __init__(self, space: SearchSpace, code: NDArray[Any]) -> None:
        self.space = space
        self.code = code

    def __str__(self) -> str:
        return self.batch().strings()[0]

    def __repr__(self) -> str:
        return f"<{self.space.name} {self}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Architecture)
            and self.space.name == other.space.name
            and np.array_equal(self.code, other.code)
        )

    def __hash__(self) -> int:
        return hash((self.space.name, self.code.tobytes()))

    @staticmethod
    def from_onnx(source: Source, batch: int | None = None) -> Architecture:
        """The network in an ONNX file; see `load_onnx` for several.

        Parameters
        ----------
        source : a path, the bytes of a file, or an `onnx.ModelProto`; weights are not needed.
        batch : what sizes that are not fixed and named like a batch are; 1 by default.

        Raises `OnnxError`, one line that names the node, for a damaged file.
        """
        from .onnx_graph import read_onnx
        from .spaces.onnx_files import OnnxSpace

        return OnnxSpace([read_onnx(source, batch)]).enumerate()[0]

    def batch(self) -> Architectures:
        """The batch that holds only this architecture."""
        return Architectures(self.space, self.code[None])


def concatenate(batches: Sequence[Architectures]) -> Architectures:
    """One batch out of several of the same space."""
    spaces = {batch.space.name for batch in batches}
    if len(spaces) != 1:
        raise ArchitectureError(
            f"cannot join architectures of {', '.join(sorted(spaces)) or 'no space'};"
            " join those of one space"
        )
    if len({id(batch.space) for batch in batches}) > 1:
        return batches[0].space.joined(batches)
    return Architectures(batches[0].space, np.concatenate([batch.codes for batch in batches]))


def as_architectures(
    archs: Architectures | Architecture | Iterable[Architecture | str] | str,
    space: SearchSpace | str | None = None,
) -> Architectures:
    """Whatever a user calls architectures, as a batch.

    Parameters
    ----------
    archs : a batch, one architecture, one string, or a sequence of architectures or strings.
    space : the space that strings belong to; needed for strings only.
    """
    from .spaces.base import get_space

    if isinstance(archs, Architectures):
        return archs
    if isinstance(archs, Architecture):
        return archs.batch()
    items = [archs] if isinstance(archs, str) else list(archs)
    if items and all(isinstance(item, Architecture) for item in items):
        return concatenate([item.batch() for item in items])  # type: ignore[union-attr]
    if space is None:
        raise ArchitectureError("strings do not say what space they are of; pass space=")
    return get_space(space).architectures([str(item) for item in items])
