"""Turning numbers about: features of a few cards into a line of each card, and lines into columns.

Written for LLVM itself: compiled from loops, every number travels alone, which takes several times as long. LLVM splits
the vectors where a processor's are shorter. Nothing is computed, so nothing is rounded.

Columns are written as whole lines of memory that nobody reads soon, so they go past the caches: a line that is only
begun is read first, to be written again.
"""

import math
from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from cardrisk.features.arrays import LINE

UNKNOWN: Final = 2**32 - 1
"""Stands for "not known" among whole numbers of four bytes."""

_PLACE: Final = ir.IntType(64)
_SHORT: Final = ir.IntType(32)


def _turned(b: Any, rows: list[Any]) -> list[Any]:
    """Return the columns of a square whose rows are vectors: halves change places, then halves of halves."""
    side = len(rows)
    step = side // 2
    while step:
        low = [side + c - step if c & step else c for c in range(side)]
        high = [side + c if c & step else c + step for c in range(side)]
        into = list(rows)
        for i in (i for i in range(side) if not i & step):
            for at, lanes in ((i, low), (i + step, high)):
                mask = ir.Constant(ir.VectorType(_SHORT, side), lanes)
                into[at] = b.shuffle_vector(rows[i], rows[i + step], mask)
        rows, step = into, step // 2
    return rows


def _pass_caches(b: Any, vector: Any, address: Any) -> None:
    """Write one whole line of memory."""
    written = b.store(vector, b.inttoptr(address, vector.type.as_pointer()))
    written.align = LINE
    written.set_metadata("nontemporal", b.module.add_metadata([_SHORT(1)]))


def _turning(item: int) -> Any:
    """Return what turns one square of numbers of so many bytes; for compiled code alone.

    It takes the address of the first row and how many bytes rows lie apart, then the same for the columns it writes,
    each of which is a line of memory.
    """
    side = LINE // item
    kind = ir.VectorType(ir.IntType(8 * item), side)

    def turn(context: Any, source: Any, source_apart: Any, target: Any, target_apart: Any) -> Any:
        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            source, source_apart, target, target_apart = arguments
            places = [b.add(source, b.mul(source_apart, _PLACE(i))) for i in range(side)]
            rows = [b.load(b.inttoptr(place, kind.as_pointer())) for place in places]
            for row in rows:
                row.align = item
            for i, column in enumerate(_turned(b, rows)):
                place = b.add(target, b.mul(target_apart, _PLACE(i)))
                b.store(column, b.inttoptr(place, kind.as_pointer())).align = LINE
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4), generate

    return intrinsic(turn)


def _gathered(b: Any, kind: Any, side: int, source: Any, apart: Any, places: Any) -> Any:
    """Return a vector of numbers that stand at places (uint32) which lie ``apart`` bytes from each other."""
    first = b.inttoptr(places, _SHORT.as_pointer())
    vector = ir.Constant(ir.VectorType(kind, side), ir.Undefined)
    for i in range(side):
        place = b.zext(b.load(b.gep(first, [_PLACE(i)])), _PLACE)
        number = b.load(b.inttoptr(b.add(source, b.mul(place, apart)), kind.as_pointer()))
        vector = b.insert_element(vector, number, _SHORT(i))
    return vector


def _gathering(item: int) -> Any:
    """Return what gathers numbers of so many bytes into one line of memory; for compiled code alone.

    It takes the address of the number of the first place, how many bytes places lie apart, the address of the places to
    read (uint32), and that of the line.
    """
    side = LINE // item
    kind = ir.IntType(8 * item)

    def gather(context: Any, source: Any, apart: Any, places: Any, target: Any) -> Any:
        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            source, apart, places, target = arguments
            _pass_caches(b, _gathered(b, kind, side, source, apart, places), target)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4), generate

    return intrinsic(gather)


def _gathered_cents(context: Any, source: Any, apart: Any, places: Any, target: Any, unit: Any) -> Any:
    """Gather whole numbers of four bytes into one line of memory of double ones, divided by ``unit``.

    As :func:`_gathering`; :data:`UNKNOWN` gives NaN.
    """
    side = LINE // 8
    kind = ir.VectorType(ir.DoubleType(), side)

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        source, apart, places, target, unit = arguments
        whole = _gathered(b, _SHORT, side, source, apart, places)
        divisor = ir.Constant(kind, ir.Undefined)
        for i in range(side):
            divisor = b.insert_element(divisor, unit, _SHORT(i))
        known = b.icmp_unsigned("!=", whole, ir.Constant(whole.type, [UNKNOWN] * side))
        amounts = b.fdiv(b.uitofp(whole, kind), divisor)
        _pass_caches(b, b.select(known, amounts, ir.Constant(kind, [math.nan] * side)), target)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4, types.float64), generate


gather_cents: Any = intrinsic(_gathered_cents)
turn_singles: Any = _turning(4)
turn_doubles: Any = _turning(8)
gather_singles: Any = _gathering(4)
gather_doubles: Any = _gathering(8)
