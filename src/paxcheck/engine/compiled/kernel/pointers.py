# pyright: basic
"""What the kernels need and Numba's Python lacks: bare pointers, and a few machine instructions.

A kernel is given addresses, not arrays. So its machine code needs nothing of Numba to run, and is
kept on disk and loaded in a few milliseconds (see `objects`). Subscripts of a pointer are not
checked.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


def _caster(kind):
    @intrinsic
    def cast(typingctx, address):
        signature = types.CPointer(kind)(types.int64)

        def codegen(context, builder, sig, args):
            return builder.inttoptr(args[0], context.get_value_type(sig.return_type))

        return signature, codegen

    return cast


words = _caster(types.uint64)
"""The address of 64-bit words, as a pointer."""
longs = _caster(types.int64)
halves = _caster(types.uint32)
ints = _caster(types.int32)


@intrinsic
def fixed(typingctx, pointer, index):
    """`pointer[index]` of memory that does not change during the call."""

    def codegen(context, builder, signature, args):
        value = builder.load(builder.gep(args[0], [args[1]]))
        value.set_metadata("invariant.load", builder.module.add_metadata([]))
        return value

    return pointer.dtype(pointer, types.int64), codegen


@intrinsic
def trailing_zeros(typingctx, value):
    """The position of the lowest set bit of a 64-bit word that is not 0."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), codegen


@intrinsic
def ones(typingctx, value):
    """How many bits of a 64-bit word are set."""

    def codegen(context, builder, signature, args):
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


@intrinsic
def prefetch(typingctx, pointer, index):
    """Ask for the cache line of `pointer[index]`; nothing waits for it."""

    def codegen(context, builder, signature, args):
        place = builder.gep(args[0], [args[1]])
        byte = builder.bitcast(place, ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte.type, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [byte, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(pointer, types.int64), codegen


@intrinsic
def swap_if(typingctx, pointer, index, expected, value):
    """Store `value` at `pointer[index]` if `expected` is there, in one step; what was there."""

    def codegen(context, builder, signature, args):
        place = builder.gep(args[0], [args[1]])
        result = builder.cmpxchg(place, args[2], args[3], "acq_rel", "acquire")
        return builder.extract_value(result, 0)

    kind = pointer.dtype
    return kind(pointer, types.int64, kind, kind), codegen


def _atomic(operation):
    @intrinsic
    def change(typingctx, pointer, index, value):
        def codegen(context, builder, signature, args):
            place = builder.gep(args[0], [args[1]])
            return builder.atomic_rmw(operation, place, args[2], "acq_rel")

        kind = pointer.dtype
        return kind(pointer, types.int64, kind), codegen

    return change


add_to = _atomic("add")
"""Add to `pointer[index]` in one step, whatever other threads do; what was there before."""
and_with = _atomic("and")
"""The same, keeping those bits only that are set in `value` too."""
