"""The innermost loop of the compiled convolutions: one register tile of output voxels.

Channels lie one after the other, each a stack of flat planes (see ``numerics.planar.rows``). A
tile is ``CHANNELS`` output channels times ``VECTORS * LANES`` neighbouring voxels of a plane; its
sums stay in registers while all input channels and kernel offsets are gone through in one fixed
order. So a voxel's bits depend on its neighbours and the weights alone, not on the block it is
computed in: tiling is exact to the last bit, in single precision too.

The tile is written in LLVM's own language because no compiler option makes numba keep a tile of
sums in registers; the sizes fill the registers of the machine's widest vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
import numba.core.cgutils
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = [
    "BFLOAT16",
    "BFLOAT16_TO_SINGLE",
    "CHANNELS",
    "HAS_BFLOAT16",
    "LANES",
    "SINGLE",
    "STEP",
    "VECTORS",
    "compute_tile",
]


cgutils: Any = numba.core.cgutils  # has no types of its own


@dataclass(frozen=True)
class _Machine:
    lanes: int
    channels: int
    vectors: int
    has_bfloat16: bool


def _machine() -> _Machine:
    """Choose a tile whose sums, inputs and one weight fit the vector registers."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return _Machine(16, 8, 3, bool(features.get("avx512bf16")))
    if features.get("avx2"):
        return _Machine(8, 4, 3, False)  # 16 registers
    return _Machine(4, 8, 3, False)


_MACHINE = _machine()
LANES = _MACHINE.lanes
"""Single-precision numbers of one vector."""
VECTORS = _MACHINE.vectors
"""Vectors of neighbouring voxels in a tile."""
CHANNELS = _MACHINE.channels
"""Output channels in a tile."""
STEP = LANES * VECTORS
"""Voxels of a tile."""
HAS_BFLOAT16 = _MACHINE.has_bfloat16
"""Whether the processor multiplies pairs of bfloat16 numbers."""

SINGLE, BFLOAT16, BFLOAT16_TO_SINGLE = range(3)
"""What inputs and outputs are: single numbers, words of two bfloat16 channels, or first these and
then those. Sums are always single."""

_I32, _I64, _F32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
_SUMS = ir.VectorType(_F32, LANES)
_WORDS = ir.VectorType(_I32, LANES)
_ZEROS = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
_BYTES = ir.IntType(8).as_pointer()
_WORD_BYTES = 4
_LINE_BYTES = 64
_TILES_AHEAD = 2


def _splat(builder: Any, value: Any, kind: Any) -> Any:
    undefined = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(undefined, value, _I32(0))
    return builder.shuffle_vector(one, undefined, _ZEROS)


def _load(builder: Any, address: Any, kind: Any, index: int = 0) -> Any:
    pointer = builder.inttoptr(address, kind.as_pointer())
    found = builder.load(builder.gep(pointer, [_I64(index)]))
    found.align = _WORD_BYTES
    return found


def _store(builder: Any, value: Any, address: Any, index: int) -> None:
    pointer = builder.inttoptr(address, value.type.as_pointer())
    builder.store(value, builder.gep(pointer, [_I64(index)])).align = _WORD_BYTES


def _multiply_add(builder: Any, total: Any, voxels: Any, weight: Any, *, paired: bool) -> Any:
    """Return total + voxels * weight; of both numbers of each word where they are paired."""
    if paired:
        kind = ir.FunctionType(_SUMS, [_SUMS, _WORDS, _WORDS])
        name = f"llvm.x86.avx512bf16.dpbf16ps.{32 * LANES}"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, [total, voxels, weight])
    kind = ir.FunctionType(_SUMS, [_SUMS, _SUMS, _SUMS])
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
    return builder.call(function, [voxels, weight, total])


def _accumulate(builder: Any, sums: Any, arguments: dict[str, Any], *, paired: bool) -> None:
    """Go through input channels and kernel offsets; weights lie in just this order."""
    kind = _WORDS if paired else _SUMS
    weight_address = cgutils.alloca_once_value(builder, arguments["weights"])
    with cgutils.for_range(builder, arguments["num_inputs"]) as inputs:
        slot = builder.add(arguments["inputs"], builder.shl(inputs.index, _I64(3)))
        base = builder.add(_load(builder, slot, _I64), builder.shl(arguments["position"], _I64(2)))
        with cgutils.for_range(builder, arguments["num_offsets"]) as offsets:
            slot = builder.add(arguments["offsets"], builder.shl(offsets.index, _I64(3)))
            address = builder.add(base, _load(builder, slot, _I64))
            voxels = [_load(builder, address, kind, index) for index in range(VECTORS)]
            weights = builder.load(weight_address)
            for channel in range(CHANNELS):
                weight = _splat(builder, _load(builder, weights, kind.element, channel), kind)
                for index in range(VECTORS):
                    total = builder.load(sums[channel][index])
                    total = _multiply_add(builder, total, voxels[index], weight, paired=paired)
                    builder.store(total, sums[channel][index])
            builder.store(builder.add(weights, _I64(_WORD_BYTES * CHANNELS)), weight_address)


def _prefetch(builder: Any, address: Any, *, for_writing: bool) -> None:
    """Ask for a tile's voxels at an address to be brought into the cache."""
    kind = ir.FunctionType(ir.VoidType(), [_BYTES, _I32, _I32, _I32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    for begin in range(0, STEP * _WORD_BYTES, _LINE_BYTES):
        pointer = builder.inttoptr(builder.add(address, _I64(begin)), _BYTES)
        builder.call(function, [pointer, _I32(int(for_writing)), _I32(2), _I32(1)])


def _prefetch_ahead(builder: Any, arguments: dict[str, Any]) -> None:
    """Bring what no tile has seen yet near: the last row of the last plane, some tiles ahead.

    The rows of several channels and planes are more streams than a processor follows by itself.
    """
    ahead = builder.add(arguments["position"], _I64(_TILES_AHEAD * STEP))
    last = builder.sub(arguments["num_offsets"], _I64(1))
    slot = builder.add(arguments["offsets"], builder.shl(last, _I64(3)))
    distance = builder.add(_load(builder, slot, _I64), builder.shl(ahead, _I64(2)))
    with cgutils.for_range(builder, arguments["num_inputs"]) as inputs:
        slot = builder.add(arguments["inputs"], builder.shl(inputs.index, _I64(3)))
        address = builder.add(_load(builder, slot, _I64), distance)
        _prefetch(builder, address, for_writing=False)


def _begin(builder: Any, sums: Any, arguments: dict[str, Any]) -> None:
    """Start from zero, or from what was summed before at the address `partial`."""
    for row in sums:
        for total in row:
            builder.store(ir.Constant(_SUMS, [0.0] * LANES), total)
    with builder.if_then(builder.icmp_unsigned("!=", arguments["partial"], _I64(0))):
        address = builder.add(arguments["partial"], builder.shl(arguments["position"], _I64(2)))
        for row in sums:
            for index, total in enumerate(row):
                builder.store(_load(builder, address, _SUMS, index), total)
            address = builder.add(address, arguments["partial_stride"])


def _finish(builder: Any, sums: Any, arguments: dict[str, Any], *, pairs: bool) -> None:
    """Add the bias, cut at the lower bound, scale and shift, and store; pairs as one word."""
    lowest = _splat(builder, arguments["lowest"], _SUMS)
    address = builder.add(arguments["output"], builder.shl(arguments["position"], _I64(2)))
    low_halves: list[Any] = []
    for channel, row in enumerate(sums):
        bias, scale, shift = (
            _splat(builder, _load(builder, arguments["epilogue"], _F32, 3 * channel + i), _SUMS)
            for i in range(3)
        )
        for index, total in enumerate(row):
            value = builder.fadd(builder.load(total), bias)
            value = builder.select(builder.fcmp_ordered(">", value, lowest), value, lowest)
            value = builder.fadd(builder.fmul(value, scale), shift)
            if not pairs:
                _store(builder, value, address, index)
                continue
            half = _rounded_half(builder, value)
            if channel % 2 == 0:
                low_halves.append(half)
            else:
                high = builder.shl(half, ir.Constant(_WORDS, [16] * LANES))
                _store(builder, builder.or_(high, low_halves[index]), address, index)
        if not pairs or channel % 2 == 1:
            address = builder.add(address, arguments["output_stride"])
            low_halves = []


def _rounded_half(builder: Any, value: Any) -> Any:
    """Return bfloat16 numbers, rounded to nearest even, in the low halves of words."""

    def constant(number: int) -> Any:
        return ir.Constant(_WORDS, [number] * LANES)

    bits = builder.bitcast(value, _WORDS)
    odd = builder.and_(builder.lshr(bits, constant(16)), constant(1))
    rounded = builder.add(builder.add(bits, constant(0x7FFF)), odd)
    return builder.lshr(rounded, constant(16))


def _supported_kinds() -> tuple[tuple[int, bool, bool], ...]:
    """Return kind, whether inputs and whether outputs hold pairs, as far as the machine can."""
    singles = (SINGLE, False, False)
    if not HAS_BFLOAT16:
        return (singles,)
    return singles, (BFLOAT16, True, True), (BFLOAT16_TO_SINGLE, True, False)


_INTEGERS = (
    "kind inputs num_inputs offsets num_offsets weights position partial partial_stride epilogue "
    "output output_stride"
).split()


def _compute_tile(
    typing_context: Any,
    kind: Any,
    inputs: Any,
    num_inputs: Any,
    offsets: Any,
    num_offsets: Any,
    weights: Any,
    position: Any,
    partial: Any,
    partial_stride: Any,
    epilogue: Any,
    output: Any,
    output_stride: Any,
    lowest: Any,
) -> Any:
    """Compute a tile; all addresses and strides are in bytes but `position`.

    Parameters
    ----------
    kind : int
        :data:`SINGLE`, :data:`BFLOAT16` or :data:`BFLOAT16_TO_SINGLE`.
    inputs, num_inputs
        Array of the addresses of each input channel's plane.
    offsets, num_offsets
        Array of byte offsets, one a kernel element.
    weights
        ``(num_inputs, num_offsets, CHANNELS)``.
    position
        First voxel of the tile, counted from each plane's address.
    partial, partial_stride
        Sums to begin with and the distance of their channels; 0: from zero.
    epilogue
        ``(CHANNELS, 3)`` single: bias, scale and shift; y = max(sum + bias, lowest) * scale +
        shift.
    output, output_stride
        Where the plane of the first channel goes, and the distance between channels.
    lowest
        0 for ReLU, minus infinity for none.
    """
    signature = types.void(*[types.int64] * len(_INTEGERS), types.float32)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arguments = dict(zip([*_INTEGERS, "lowest"], values, strict=True))
        for number, paired_input, paired_output in _supported_kinds():
            asked_for = builder.icmp_signed("==", arguments["kind"], _I64(number))
            with builder.if_then(asked_for):
                sums = [
                    [cgutils.alloca_once(builder, _SUMS) for _ in range(VECTORS)]
                    for _ in range(CHANNELS)
                ]
                _prefetch_ahead(builder, arguments)
                _begin(builder, sums, arguments)
                _accumulate(builder, sums, arguments, paired=paired_input)
                _finish(builder, sums, arguments, pairs=paired_output)
        return context.get_dummy_value()

    return signature, generate


compute_tile: Any = intrinsic(_compute_tile)  # it is called without the first argument
