"""The few machine instructions that `hogwild` needs and numba has no name for.

A plain `weights[c] -= g` in a compiled function is a load, a subtraction and a store; another thread may
write in between. What follows is the remedy for locks and counters: loads and stores that the compiler
neither splits nor moves, and compare-and-swap, which loads, compares and stores as one.

Orderings (LLVM's): `acquire` on the load or swap that takes a lock and `release` on the store that gives it
back make all that was written under the lock visible to the next holder. `monotonic` promises only that the
one access is whole. On x86 such loads and stores are ordinary `mov` instructions; the swap is a
`lock cmpxchg`.

Source: LLVM Language Reference, sections "Atomic Memory Ordering Constraints" and "cmpxchg instruction".
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

# How every function of `hogwild` is compiled: without Python's lock, and without numba's reference counts. A
# compiled function that is handed an array counts itself among its users, by an atomic addition to a counter
# that all threads share. One such call a row made lock-free threads wait for each other as a lock does. The
# callers keep every array alive and nothing is allocated inside, so nothing needs counting. The parts of a
# kernel are put in place (forceinline): a call for each row costs as much as the row's arithmetic.
compiled = njit(nogil=True, _nrt=False, forceinline=True)  # type: ignore[call-overload]  # has no _nrt

# What an intrinsic gives numba, in whose types it is Any: the signature of a call, and the function that
# writes its instructions.
Typed = tuple[Any, Callable]
instruction: Callable[[Callable], Callable] = intrinsic  # numba's type counts `typing` among its arguments

SPINS = 200  # looks at a lock before a waiting thread offers its core to others


def _pointer(
    context: Any, builder: ir.IRBuilder, array_type: Any, array: ir.Value, index: ir.Value
) -> ir.Value:
    array = context.make_array(array_type)(context, builder, array)
    return builder.gep(array.data, [index])


def _load(ordering: str) -> Callable:
    @instruction
    def load(typing: Any, array: Any, index: Any) -> Typed:
        def generate(
            context: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]
        ) -> ir.Value:
            pointer = _pointer(context, builder, signature.args[0], *arguments)
            kind = context.get_data_type(array.dtype)
            return builder.load_atomic(pointer, ordering, array.dtype.bitwidth // 8, typ=kind)

        return array.dtype(array, types.uint64), generate

    return load


def _store(ordering: str) -> Callable:
    @instruction
    def store(typing: Any, array: Any, index: Any, value: Any) -> Typed:
        def generate(
            context: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]
        ) -> ir.Value:
            pointer = _pointer(context, builder, signature.args[0], *arguments[:2])
            builder.store_atomic(arguments[2], pointer, ordering, array.dtype.bitwidth // 8)
            return context.get_dummy_value()

        return types.void(array, types.uint64, array.dtype), generate

    return store


load_acquire, load_whole = _load("acquire"), _load("monotonic")
store_release, store_whole = _store("release"), _store("monotonic")


@instruction
def compare_and_swap(typing: Any, array: Any, index: Any, expected: Any, new: Any) -> Typed:
    """Store `new` where `expected` stands; return whether it stood there. One indivisible instruction."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]) -> ir.Value:
        pointer = _pointer(context, builder, signature.args[0], *arguments[:2])
        result = builder.cmpxchg(pointer, *arguments[2:], "acquire", "monotonic")
        return builder.extract_value(result, 1)

    return types.boolean(array, types.uint64, array.dtype, array.dtype), generate


@instruction
def prefetch(typing: Any, array: Any, index: Any) -> Typed:
    """Ask the memory for array[index] and go on without waiting; reads nothing, so any index is harmless."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]) -> ir.Value:
        pointer = _pointer(context, builder, signature.args[0], *arguments)
        pointer = builder.bitcast(pointer, ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, word(0), word(2), word(1)])  # to read, into the second cache, data
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate


def _bitcast(source: Any, target: Any) -> Callable:
    @instruction
    def bitcast(typing: Any, value: Any) -> Typed:
        def generate(
            context: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]
        ) -> ir.Value:
            return builder.bitcast(arguments[0], context.get_data_type(target))

        return target(source), generate

    return bitcast


bits_of_float, float_of_bits = _bitcast(types.float32, types.uint32), _bitcast(types.uint32, types.float32)


@instruction
def _offer_core(typing: Any) -> Typed:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: list[ir.Value]) -> ir.Value:
        if os.name == "posix":
            kind = ir.FunctionType(ir.IntType(32), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "sched_yield"), [])
        return context.get_dummy_value()

    return types.void(), generate


@compiled
def wait_until(array: np.ndarray, index: np.uint64, value: int, stop: np.ndarray) -> bool:
    """Wait until array[index] is value; return False, without it, once stop[0] is set."""
    spins = 0
    while load_acquire(array, index) != value:
        spins += 1
        if spins % SPINS == 0:  # with more threads than cores, the one waited for may be asleep
            if load_whole(stop, 0) != 0:
                return False
            _offer_core()
    return True


@compiled
def acquire(locks: np.ndarray, index: np.uint64, stop: np.ndarray) -> bool:
    """Take the lock locks[index] (0 free, 1 taken); return False, without it, once stop[0] is set."""
    while not compare_and_swap(locks, index, 0, 1):
        if not wait_until(locks, index, 0, stop):
            return False
    return True


@compiled
def release(locks: np.ndarray, index: np.uint64) -> None:
    """Give the lock back."""
    store_release(locks, index, 0)
