"""Turning small squares of numbers about their diagonal: features of a few cards into a line of each card.

Written for LLVM itself: compiled from loops, every number travels alone, which takes several times as long. LLVM splits
the vectors where a processor's are shorter. Nothing is computed, so nothing is rounded.
"""

from typing import Any, Final

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

BYTES: Final = 32
"""Length of a vector: eight single numbers, four double ones."""

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


def _turning(item: int) -> Any:
    """Return what turns one square of numbers of so many bytes; for compiled code alone.

    It takes the address of the first row and how many bytes rows lie apart, then the same for the columns it writes.
    """
    side = BYTES // item
    kind = ir.VectorType(ir.IntType(8 * item), side)

    def place(b: Any, base: Any, apart: Any, number: int) -> Any:
        return b.inttoptr(b.add(base, b.mul(apart, _PLACE(number))), kind.as_pointer())

    def turn(context: Any, source: Any, source_apart: Any, target: Any, target_apart: Any) -> Any:
        def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
            source, source_apart, target, target_apart = arguments
            rows = [b.load(place(b, source, source_apart, i)) for i in range(side)]
            for row in rows:
                row.align = item
            for i, column in enumerate(_turned(b, rows)):
                b.store(column, place(b, target, target_apart, i)).align = item
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4), generate

    return intrinsic(turn)


turn_singles: Any = _turning(4)
turn_doubles: Any = _turning(8)
