"""Sixty-four float32 numbers at once, for numba: a piece of a row that stays in the processor's registers.

numba compiles a loop over columns into vector instructions, but between two such loops every number goes back
to memory. Where a loop over pixels stands inside, that store and the next load cost more than the arithmetic.
A value of `Lanes` is a variable like any other, so that a sum over pixels is read and written once::

    total = load(bias, j)
    for k in range(first, last):
        total = add_scaled(total, values[k], weights, rows[k] * width + j)
    store(sums, j, total)

LLVM makes of `add_scaled` four instructions of AVX-512, eight of AVX2, sixteen of NEON. Arrays are contiguous
float32 of any number of axes, and `at` counts numbers from their beginning. Nothing is checked.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, register_model

LANES = 64  # fewer keep the processor waiting for its own sums, more do not fit a few hundred hidden units

VECTOR = ir.VectorType(ir.FloatType(), LANES)
FUSED = ("contract",)  # a product and its sum may be rounded once

# Sums may be added up in another order (or they would not be vectors) and fused with products; infinities and
# NaN stay what they are, for divergence is seen by them. No lock, no reference counts: see hogwild.atomics.
compiled = njit(nogil=True, _nrt=False, fastmath={"contract", "reassoc"}, error_model="numpy")  # type: ignore[call-overload]

Typed = tuple[Any, Callable]
instruction: Callable[[Callable], Callable] = intrinsic


class Lanes(types.Type):
    """The type of such a value."""


lanes = Lanes("lanes")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """In LLVM it is a vector."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


def _pointer(context: Any, builder: ir.IRBuilder, kind: Any, array: ir.Value, at: ir.Value) -> ir.Value:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), VECTOR.as_pointer())


@instruction
def load(typing: Any, array: Any, at: Any) -> Typed:
    """The numbers array[at] to array[at + 63]."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        return builder.load(_pointer(context, builder, signature.args[0], *values), align=4)

    return lanes(array, types.uint64), generate


@instruction
def store(typing: Any, array: Any, at: Any, value: Any) -> Typed:
    """Write them there."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        builder.store(values[2], _pointer(context, builder, signature.args[0], *values[:2]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.uint64, lanes), generate


@instruction
def add_scaled(typing: Any, value: Any, scale: Any, array: Any, at: Any) -> Typed:
    """The value plus scale times the numbers at `at`."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: list[ir.Value]) -> ir.Value:
        value, scale, array, at = values
        row = builder.load(_pointer(context, builder, signature.args[2], array, at), align=4)
        none, first = ir.Constant(VECTOR, ir.Undefined), ir.Constant(ir.IntType(32), 0)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        scales = builder.shuffle_vector(builder.insert_element(none, scale, first), none, everywhere)
        return builder.fadd(value, builder.fmul(scales, row, flags=FUSED), flags=FUSED)

    return lanes(lanes, types.float32, array, types.uint64), generate


def aligned(*shape: int) -> np.ndarray:
    """Zeros, float32, that begin where a cache line does: no piece of a row then lies on one line too many.

    >>> from lecturelib.networks.lanes import aligned
    >>> zeros = aligned(3, 64)
    >>> zeros.shape, zeros.ctypes.data % 64
    ((3, 64), 0)
    """
    size = int(np.prod(shape))
    room = np.zeros(size + 16, np.float32)
    first = -room.ctypes.data % 64 // 4
    return room[first : first + size].reshape(shape)
