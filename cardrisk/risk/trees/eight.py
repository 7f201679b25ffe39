"""Eight float64 numbers handled as one, for compiled code alone.

Correct when each of the eight gets what the same IEEE operation gives it alone: nothing is reordered or fused.

A loop over eight numbers is unrolled by the compiler before it looks for vector instructions, and then finds none.
Here the vectors stand in the code: an ``Eight`` is a tuple to numba and one vector to the machine.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Eight: TypeAlias = tuple[float, float, float, float, float, float, float, float]

POINTS: Final = 8
_EIGHT: Final[Any] = types.UniTuple(types.float64, POINTS)  # type: ignore[no-untyped-call]
_VECTOR: Final = ir.VectorType(ir.DoubleType(), POINTS)
_INDEX: Final = ir.IntType(32)


def _packed(builder: Any, eight: Any) -> Any:
    """Return a tuple as a vector; packing what was just unpacked costs nothing, the compiler sees through it."""
    vector = ir.Constant(_VECTOR, ir.Undefined)
    for k in range(POINTS):
        vector = builder.insert_element(vector, builder.extract_value(eight, k), _INDEX(k))
    return vector


def _unpacked(context: Any, builder: Any, vector: Any) -> Any:
    eight = ir.Constant(context.get_value_type(_EIGHT), ir.Undefined)
    for k in range(POINTS):
        eight = builder.insert_value(eight, builder.extract_element(vector, _INDEX(k)), k)
    return eight


def _spread(builder: Any, number: Any) -> Any:
    """Return a number in each of eight places."""
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INDEX(0))
    return builder.shuffle_vector(
        first, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(ir.VectorType(_INDEX, 8), None)
    )


def _by_element(operation: str) -> Any:
    """Return an operation on two vectors, place by place."""

    @intrinsic
    def apply(context: Any, v: Any, w: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            a, b = (_packed(builder, eight) for eight in arguments)
            return _unpacked(context, builder, getattr(builder, operation)(a, b))

        return _EIGHT(_EIGHT, _EIGHT), generate

    return apply


plus: Callable[[Eight, Eight], Eight] = _by_element("fadd")
minus: Callable[[Eight, Eight], Eight] = _by_element("fsub")
times: Callable[[Eight, Eight], Eight] = _by_element("fmul")
over: Callable[[Eight, Eight], Eight] = _by_element("fdiv")


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """Return the address of eight entries of an array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), _VECTOR.as_pointer())


@intrinsic
def _read(context: Any, values: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = builder.load(_place(context, builder, signature.args[0], *arguments), align=8)
        return _unpacked(context, builder, found)

    return _EIGHT(values, types.uint64), generate


@intrinsic
def _write(context: Any, values: Any, at: Any, v: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *where, eight = arguments
        builder.store(_packed(builder, eight), _place(context, builder, signature.args[0], *where), align=8)
        return context.get_dummy_value()

    return types.void(values, types.uint64, _EIGHT), generate


@intrinsic
def _many(context: Any, number: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _unpacked(context, builder, _spread(builder, arguments[0]))

    return _EIGHT(types.float64), generate


read: Callable[[Floats, np.uint64], Eight] = cast(Any, _read)
"""Eight numbers of a contiguous float64 vector, from a place on."""
write: Callable[[Floats, np.uint64, Eight], None] = cast(Any, _write)
"""Put eight numbers there."""
many: Callable[[float], Eight] = cast(Any, _many)
"""One number eight times."""
