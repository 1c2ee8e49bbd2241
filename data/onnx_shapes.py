"""Shapes of ONNX operators, and the small tensors of integers that shapes are computed with.

onnx.shape_inference is not used: it is native code that files from anywhere can bring down, and
it stops at operators it does not know. What is unknown here stays unknown, as None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from math import ceil, prod
from typing import Any

import numpy as np

from .onnx_values import LARGEST_COUNT, LARGEST_DIM, RANK, SMALL, Dims, Elements, OnnxNode, Value

Shapes = list[Dims | None]
Rule = Callable[[OnnxNode, Sequence[Value]], Shapes]


def output_dims(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    """The shape of each output of an operator, None where it cannot be told."""
    rule = RULES.get(node.op)
    shapes = rule(node, inputs) if rule else [None]
    return [_sane(dims) for dims in shapes]


def output_elements(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    """What the first output holds, where it is a small tensor of integers."""
    rule = CONTENTS.get(node.op)
    found = rule(node, inputs, dims) if rule else None
    if found is None or len(found) > SMALL:
        return None
    return tuple(e if e is None or abs(e) <= LARGEST_COUNT else None for e in found)


def _sane(dims: Dims | None) -> Dims | None:
    if dims is None or len(dims) > RANK:
        return None
    return tuple(d if d is not None and 0 <= d <= LARGEST_DIM else None for d in dims)


def count(dims: Iterable[int | None]) -> int | None:
    """The product, None where a dimension is unknown."""
    known = list(dims)
    return None if None in known else prod(dim for dim in known if dim is not None)


def broadcast(shapes: Iterable[Dims | None]) -> Dims | None:
    """The shape of an elementwise function of tensors of these shapes."""
    result: Dims = ()
    for dims in shapes:
        if dims is None:
            return None
        pairs = zip_longest(reversed(result), reversed(dims), fillvalue=1)
        result = tuple(b if a == 1 else a if b == 1 or b is None else b for a, b in pairs)[::-1]
    return result


def axes_of(node: OnnxNode, inputs: Sequence[Value], place: int = 1) -> tuple[int, ...] | None:
    """Axes given by an attribute (old opsets) or an input; empty for none, None for unknown."""
    if "axes" in node.attributes:
        return node.integers("axes")
    if len(inputs) <= place or not inputs[place].exact:
        return ()
    elements = inputs[place].elements
    if elements is None or None in elements:
        return None
    return tuple(entry for entry in elements if entry is not None)


def spatial(node: OnnxNode, size: Sequence[int | None], kernel: Sequence[int | None]) -> Dims:
    """Height and width behind a window that moves over an image."""
    rank = len(size)
    strides = node.integers("strides") or (1,) * rank
    dilations = node.integers("dilations") or (1,) * rank
    pads = node.integers("pads") or (0,) * (2 * rank)
    same = node.text("auto_pad").startswith("SAME")
    up = bool(node.integer("ceil_mode", 0))
    result: list[int | None] = []
    for axis in range(rank):
        length, window = size[axis], kernel[axis]
        if length is None or window is None:
            result.append(None)
            continue
        if same:
            result.append(-(-length // strides[axis]))
            continue
        padded = length + pads[axis] + pads[axis + rank]
        free = padded - dilations[axis] * (window - 1) - 1
        steps = -(-free // strides[axis]) if up else free // strides[axis]
        if up and steps * strides[axis] >= length + pads[axis]:
            steps -= 1  # the last window would begin in the padding
        result.append(steps + 1)
    return tuple(result)


def slices(node: OnnxNode, inputs: Sequence[Value]) -> list[tuple[int, int, int]] | None:
    """(axis, start, step) with the kept length in `slice_lengths`; None where unknown."""
    rank = inputs[0].rank
    if rank is None:
        return None
    if node.opset < 10 and "starts" in node.attributes:
        starts: Elements | None = node.integers("starts")
        axes: Elements | None = node.integers("axes") or tuple(range(len(starts or ())))
        steps: Elements | None = (1,) * len(starts or ())
    else:
        starts = inputs[1].elements
        axes = _given(inputs, 3, tuple(range(len(starts or ()))))
        steps = _given(inputs, 4, (1,) * len(starts or ()))
    if starts is None or axes is None or steps is None:
        return None
    known = [*starts, *axes, *steps]
    if None in known:
        return None
    rows = zip(axes, starts, steps, strict=True)
    return [(int(axis or 0) % rank, int(start or 0), int(step or 0)) for axis, start, step in rows]


def _ends(node: OnnxNode, inputs: Sequence[Value]) -> Elements | None:
    if node.opset < 10 and "ends" in node.attributes:
        return node.integers("ends")
    return inputs[2].elements


def _given(inputs: Sequence[Value], place: int, default: Elements) -> Elements | None:
    if len(inputs) <= place or not inputs[place].exact:
        return default
    return inputs[place].elements


def slice_ranges(
    node: OnnxNode, inputs: Sequence[Value]
) -> dict[int, tuple[int, int, int] | None] | None:
    """For each sliced axis its first index, how many are kept and the step, None if unknown."""
    cuts, ends = slices(node, inputs), _ends(node, inputs)
    if cuts is None or ends is None or len(ends) != len(cuts):
        return None
    result: dict[int, tuple[int, int, int] | None] = {}
    for (axis, start, step), end in zip(cuts, ends, strict=True):
        length = inputs[0].dim(axis)
        if length is None or end is None or step == 0:
            result[axis] = None
            continue
        first, stop, stride = slice(start, end, step).indices(length)
        result[axis] = (first, len(range(first, stop, stride)), stride)
    return result


def _same(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    return [inputs[0].dims]


def _elementwise(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    return [broadcast(value.dims for value in inputs)]


def _convolution(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    x, weight = inputs[0].dims, inputs[1].dims
    if x is None or weight is None:
        return [None]
    kernel = node.integers("kernel_shape") or weight[2:]
    return [(x[0], weight[0], *spatial(node, x[2:], kernel))]


def _transposed(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    x, weight = inputs[0].dims, inputs[1].dims
    if x is None or weight is None or weight[1] is None:
        return [None]
    rank = len(x) - 2
    kernel = node.integers("kernel_shape") or weight[2:]
    strides = node.integers("strides") or (1,) * rank
    dilations = node.integers("dilations") or (1,) * rank
    pads = node.integers("pads") or (0,) * (2 * rank)
    extra = node.integers("output_padding") or (0,) * rank
    size = [
        None
        if length is None or window is None
        else strides[a] * (length - 1) + extra[a] + dilations[a] * (window - 1) + 1
        - pads[a] - pads[a + rank]
        for a, (length, window) in enumerate(zip(x[2:], kernel, strict=True))
    ]  # fmt: skip
    return [(x[0], weight[1] * node.integer("group", 1), *size)]


def _pool(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    x = inputs[0].dims
    return [x and (*x[:2], *spatial(node, x[2:], node.integers("kernel_shape")))]


def _global_pool(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    x = inputs[0].dims
    return [x and (*x[:2], *(1 for _ in x[2:]))]


def _gemm(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    a, b = inputs[0], inputs[1]
    return [
        (
            a.dim(1 if node.integer("transA", 0) else 0),
            b.dim(0 if node.integer("transB", 0) else 1),
        )
    ]


def _matmul(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    a, b = inputs[0].dims, inputs[1].dims
    if not a or not b:
        return [None]
    lead = broadcast([a[:-2], b[:-2]]) or ()
    return [(*lead, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))]


def _concat(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    first = inputs[0].dims
    if first is None:
        return [None]
    axis = node.integer("axis", 1) % len(first)
    sizes = [value.dim(axis) for value in inputs]
    total = None if None in sizes else sum(size for size in sizes if size is not None)
    return [(*first[:axis], total, *first[axis + 1 :])]


def _reshape(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    wanted = node.integers("shape") if len(inputs) < 2 else inputs[1].elements
    if wanted is None:
        rank = inputs[1].dim(0)
        return [None if rank is None or rank > RANK else (None,) * rank]
    keep = not node.integer("allowzero", 0)
    dims = [inputs[0].dim(i) if d == 0 and keep else d for i, d in enumerate(wanted)]
    total = None if inputs[0].dims is None else count(inputs[0].dims)
    if -1 in dims:
        others = count(d for d in dims if d != -1)
        known = total is not None and others
        dims[dims.index(-1)] = (total or 0) // (others or 1) if known else None
    elif dims.count(None) == 1 and total is not None:
        others = count(d for d in dims if d is not None)
        dims[dims.index(None)] = total // others if others else None
    return [tuple(dims)]


def _flatten(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    dims = inputs[0].dims
    if dims is None:
        return [None]
    axis = node.integer("axis", 1)
    axis += len(dims) if axis < 0 else 0
    return [(count(dims[:axis]), count(dims[axis:]))]


def _transpose(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    dims = inputs[0].dims
    if dims is None:
        return [None]
    order = node.integers("perm") or tuple(reversed(range(len(dims))))
    return [tuple(dims[axis] for axis in order)]


def _squeeze(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    dims, axes = inputs[0].dims, axes_of(node, inputs)
    if dims is None or axes is None:
        return [None]
    gone = {axis % len(dims) for axis in axes} or {a for a, d in enumerate(dims) if d == 1}
    return [tuple(d for axis, d in enumerate(dims) if axis not in gone)]


def _unsqueeze(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    dims, axes = inputs[0].dims, axes_of(node, inputs)
    if dims is None or axes is None:
        return [None]
    rank = len(dims) + len(axes)
    new = {axis % rank for axis in axes}
    rest = iter(dims)
    return [tuple(1 if axis in new else next(rest, None) for axis in range(rank))]


def _reduce(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    dims, axes = inputs[0].dims, axes_of(node, inputs)
    if dims is None or axes is None:
        return [None]
    gone = {axis % len(dims) for axis in axes} or set(range(len(dims)))
    if not axes and node.integer("noop_with_empty_axes", 0):
        return [dims]
    if node.integer("keepdims", 1):
        return [tuple(1 if axis in gone else d for axis, d in enumerate(dims))]
    return [tuple(d for axis, d in enumerate(dims) if axis not in gone)]


def _gather(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    data, indices = inputs[0].dims, inputs[1].dims
    if data is None or indices is None:
        return [None]
    axis = node.integer("axis", 0) % len(data)
    return [(*data[:axis], *indices, *data[axis + 1 :])]


def _slice(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    dims, ranges = inputs[0].dims, slice_ranges(node, inputs)
    if dims is None:
        return [None]
    if ranges is None:
        return [(None,) * len(dims)]
    result = list(dims)
    for axis, kept in ranges.items():
        result[axis] = None if kept is None else kept[1]
    return [tuple(result)]


def split_sizes(node: OnnxNode, inputs: Sequence[Value]) -> list[int | None]:
    """The length of each output along the axis that is split."""
    number = len(node.outputs)
    told: Elements | None = node.integers("split") or None
    if told is None and len(inputs) > 1:
        told = inputs[1].elements
    if told is not None:
        return [*told, *[None] * number][:number]
    length = inputs[0].dim(node.integer("axis", 0))
    if length is None:
        return [None] * number
    part = ceil(length / number)
    return [max(0, min(part, length - part * place)) for place in range(number)]


def _split(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    dims = inputs[0].dims
    if dims is None:
        return [None] * len(node.outputs)
    axis = node.integer("axis", 0) % len(dims)
    return [(*dims[:axis], size, *dims[axis + 1 :]) for size in split_sizes(node, inputs)]


def _pad(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    dims = inputs[0].dims
    pads: Elements | None = node.integers("pads") or node.integers("paddings")
    if not pads:
        pads = inputs[1].elements if len(inputs) > 1 else None
    if dims is None or pads is None or len(pads) != 2 * len(dims):
        return [dims and (None,) * len(dims)]
    half = len(dims)
    rows = zip(dims, pads[:half], pads[half:], strict=True)
    return [tuple(None if None in row else sum(e or 0 for e in row) for row in rows)]


def _expand(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    return [broadcast([inputs[0].dims, inputs[1].elements])]


def _filled(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    return [inputs[0].elements]


def _range(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    found = _range_content(node, inputs, None)
    return [(None if found is None else len(found),)]


def _shape(node: OnnxNode, inputs: Sequence[Value]) -> Shapes:
    rank = inputs[0].rank
    part = slice(node.integer("start", 0), node.integer("end", 1 << 30))
    return [(None,)] if rank is None else [(len(range(rank)[part]),)]


RULES: dict[str, Rule] = {
    **dict.fromkeys(("Conv", "ConvInteger", "FusedConv"), _convolution),
    "ConvTranspose": _transposed,
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), _pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), _global_pool),
    **dict.fromkeys(("Gemm", "FusedGemm"), _gemm),
    **dict.fromkeys(("MatMul", "MatMulInteger", "FusedMatMul"), _matmul),
    "Concat": _concat,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Gather": _gather,
    "Slice": _slice,
    "Split": _split,
    "Pad": _pad,
    "Expand": _expand,
    "ConstantOfShape": _filled,
    "Shape": _shape,
    "Range": _range,
    "Size": lambda node, inputs: [()],
    **dict.fromkeys(
        (
            *("Add", "Sub", "Mul", "Div", "Pow", "Sum", "Mean", "Max", "Min", "Where", "PRelu"),
            *("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Mod"),
        ),
        _elementwise,
    ),
    **dict.fromkeys(
        (
            *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1"),
            *("ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"),
        ),
        _reduce,
    ),
}


def same_dims(operators: Iterable[str]) -> None:
    """Operators whose first output is shaped like their first input."""
    for operator in operators:
        RULES.setdefault(operator, _same)


Content = Callable[[OnnxNode, Sequence[Value], Dims | None], Sequence[int | None] | None]


def _unchanged(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    return inputs[0].elements


def _shape_content(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    if inputs[0].dims is None:
        return None
    return inputs[0].dims[slice(node.integer("start", 0), node.integer("end", 1 << 30))]


def _gather_content(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    data, indices = inputs[0].elements, inputs[1].elements
    if data is None or indices is None or inputs[0].rank != 1:
        return None
    return tuple(None if place is None else data[place] for place in indices)


def _joined_content(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    if any(value.elements is None or value.rank != 1 for value in inputs):
        return None
    return tuple(entry for value in inputs for entry in value.elements or ())


def _array(value: Value) -> np.ndarray[Any, Any] | None:
    if value.elements is None or value.dims is None or None in value.dims:
        return None
    array = np.empty(len(value.elements), object)
    array[:] = value.elements
    return array.reshape(value.dims)


def _slice_content(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    data, cuts, ends = _array(inputs[0]), slices(node, inputs), _ends(node, inputs)
    if data is None or cuts is None or ends is None or None in ends:
        return None
    for (axis, start, step), end in zip(cuts, ends, strict=True):
        kept = range(*slice(start, end, step).indices(data.shape[axis]))
        data = data.take(list(kept), axis)
    return tuple(data.ravel())


def _range_content(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    told = [entry for value in inputs[:3] for entry in value.elements or (None,)]
    if len(told) != 3 or None in told:
        return None
    numbers = range(*(entry for entry in told if entry is not None))
    return tuple(numbers) if len(numbers) <= SMALL else None


def _turned_content(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    data = _array(inputs[0])
    return None if data is None else tuple(data.transpose(node.integers("perm") or None).ravel())


def _filled_content(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    size = None if dims is None else count(dims)
    if size is None or size > SMALL or "value" not in node.attributes:
        return None
    data = node.attributes["value"].t
    number = [*data.int64_data] or [int.from_bytes(data.raw_data, "little", signed=True)]
    return (number[0],) * size if data.data_type == 7 else None


def _arithmetic(
    function: Callable[[int, int], int],
) -> Content:
    def content(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
        a, b = inputs[0].elements, inputs[1].elements
        if a is None or b is None or min(len(a), len(b)) not in (1, max(len(a), len(b))):
            return None
        number = max(len(a), len(b))
        a, b = (v * number if len(v) == 1 else v for v in (a, b))
        return tuple(
            None if x is None or y is None else function(x, y)
            for x, y in zip(a, b, strict=True)
        )  # fmt: skip

    return content


def _chosen_content(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    parts = [value.elements for value in inputs]
    number = max((len(part) for part in parts if part is not None), default=0)
    if len(parts) != 3 or any(part is None or len(part) not in (1, number) for part in parts):
        return None
    rows = zip(*(part * (number // len(part)) for part in parts if part), strict=True)
    return tuple(None if which is None else (yes if which else no) for which, yes, no in rows)


def _reduced_content(node: OnnxNode, inputs: Sequence[Value], dims: Dims | None) -> Elements | None:
    elements = inputs[0].elements
    return (count(elements),) if elements is not None and dims in ((), (1,)) else None


CONTENTS: dict[str, Content] = {
    **dict.fromkeys(("Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Flatten"), _unchanged),
    "Shape": _shape_content,
    "Size": lambda node, inputs, dims: (None if inputs[0].dims is None else count(inputs[0].dims),),
    "Gather": _gather_content,
    "Concat": _joined_content,
    "Slice": _slice_content,
    "Transpose": _turned_content,
    "Range": _range_content,
    "ConstantOfShape": _filled_content,
    "ReduceProd": _reduced_content,
    "Where": _chosen_content,
    "Equal": _arithmetic(lambda a, b: int(a == b)),
    "Add": _arithmetic(lambda a, b: a + b),
    "Sub": _arithmetic(lambda a, b: a - b),
    "Mul": _arithmetic(lambda a, b: a * b),
    "Div": _arithmetic(lambda a, b: abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)),
}
