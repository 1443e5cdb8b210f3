# pyright: basic
"""Machine instructions that Numba lacks: count trailing zeros, prefetch, compare-and-swap."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def trailing_zeros(typingctx, value):
    """The position of the lowest set bit of a 64-bit word that is not 0."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), codegen


@intrinsic
def prefetch(typingctx, array, index):
    """Ask for the cache line of `array[index]`; nothing waits for it."""

    def codegen(context, builder, signature, args):
        shape = signature.args[0]
        view = cgutils.create_struct_proxy(shape)(context, builder, args[0])
        place = builder.gep(view.data, [args[1]])
        byte = builder.bitcast(place, ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte.type, number, number, number])
        name = "llvm.prefetch.p0"
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        builder.call(function, [byte, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@intrinsic
def swap_if(typingctx, array, index, expected, value):
    """Store `value` at `array[index]` if `expected` is there, in one step; what was there."""

    def codegen(context, builder, signature, args):
        shape = signature.args[0]
        view = cgutils.create_struct_proxy(shape)(context, builder, args[0])
        place = builder.gep(view.data, [args[1]])
        result = builder.cmpxchg(place, args[2], args[3], "acq_rel", "acquire")
        return builder.extract_value(result, 0)

    return types.uint64(array, types.int64, types.uint64, types.uint64), codegen


@intrinsic
def add_to(typingctx, array, index, value):
    """Add to `array[index]` in one step; what was there before."""

    def codegen(context, builder, signature, args):
        shape = signature.args[0]
        view = cgutils.create_struct_proxy(shape)(context, builder, args[0])
        place = builder.gep(view.data, [args[1]])
        return builder.atomic_rmw("add", place, args[2], "acq_rel")

    return types.int64(array, types.int64, types.int64), codegen


def _loader(invariant):
    def codegen(context, builder, signature, args):
        shape = signature.args[0]
        view = cgutils.create_struct_proxy(shape)(context, builder, args[0])
        value = builder.load(builder.gep(view.data, [args[1]]))
        if invariant:
            value.set_metadata("invariant.load", builder.module.add_metadata([]))
        return value

    return codegen


@intrinsic
def fixed(typingctx, array, index):
    """`array[index]` of a flat array that does not change during the call; no checks at all."""
    return array.dtype(array, types.int64), _loader(True)


@intrinsic
def get(typingctx, array, index):
    """`array[index]` of a flat array, without a look at the sign of the index."""
    return array.dtype(array, types.int64), _loader(False)


@intrinsic
def put(typingctx, array, index, value):
    """`array[index] = value` in a flat array, without a look at the sign of the index."""

    def codegen(context, builder, signature, args):
        shape = signature.args[0]
        view = cgutils.create_struct_proxy(shape)(context, builder, args[0])
        builder.store(args[2], builder.gep(view.data, [args[1]]))
        return context.get_dummy_value()

    return types.void(array, types.int64, array.dtype), codegen
