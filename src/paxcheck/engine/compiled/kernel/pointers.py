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
bytes_ = _caster(types.uint8)


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


@intrinsic
def merge(typingctx, offers, rows, nodes, allow, first, asleep, opened, awake):
    """What is open to each of at most eight nodes: `opened[i] = OR of offers[8 * rows[k] + i]` over
    all k, and of `allow[first + i]`; `awake`: the same of what does not sleep.

    Offer (k, i) sleeps if bit k * nodes + i of `asleep` is set, and what is allowed as (i, i).
    All eight nodes are looked at together.
    """

    def codegen(context, builder, signature, args):
        offers, rows, nodes, allow, first, asleep, opened, awake = args
        word, short = ir.IntType(64), ir.IntType(32)
        line = ir.VectorType(word, 8)
        lanes = ir.Constant(line, [ir.Constant(word, k) for k in range(8)])
        nothing, undefined = ir.Constant(line, None), ir.Constant(line, ir.Undefined)

        def all_lanes(value):
            one = builder.insert_element(undefined, value, short(0))
            return builder.shuffle_vector(
                one, undefined, ir.Constant(ir.VectorType(short, 8), [short(0)] * 8)
            )

        def load(pointer, index):
            place = builder.bitcast(builder.gep(pointer, [index]), line.as_pointer())
            value = builder.load(place, align=8)
            value.set_metadata("invariant.load", builder.module.add_metadata([]))
            return value

        def woken(value, shifts):
            bits = builder.lshr(all_lanes(asleep), shifts)
            sleeps = builder.trunc(bits, ir.VectorType(ir.IntType(1), 8))
            return builder.select(sleeps, nothing, value)

        own = builder.mul(lanes, all_lanes(builder.add(nodes, word(1))))
        own = builder.and_(own, all_lanes(word(63)))
        given = load(allow, first)
        total, rest = (cgutils.alloca_once_value(builder, v) for v in (given, woken(given, own)))
        with cgutils.for_range(builder, nodes) as loop:
            row = builder.load(builder.gep(rows, [loop.index]))
            offered = load(offers, builder.shl(row, word(3)))
            shifts = builder.add(lanes, all_lanes(builder.mul(loop.index, nodes)))
            shifts = builder.and_(shifts, all_lanes(word(63)))
            builder.store(builder.or_(builder.load(total), offered), total)
            builder.store(builder.or_(builder.load(rest), woken(offered, shifts)), rest)
        for value, pointer in ((total, opened), (rest, awake)):
            builder.store(builder.load(value), builder.bitcast(pointer, line.as_pointer()), align=8)
        return context.get_dummy_value()

    places = (offers, rows, types.int64, allow, types.int64, types.uint64, opened, awake)
    return types.void(*places), codegen


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
