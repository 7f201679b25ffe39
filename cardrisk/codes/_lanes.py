"""SHA-256's compression of sixteen blocks side by side, one in each lane of the processor's vectors.

Correct when each lane gets what FIPS 180-4 gives its block alone.

Written for LLVM itself: compiled from loops over lanes, every register travels through memory, which takes four times
as long. LLVM splits the vectors where a processor's are shorter.
"""

from functools import reduce
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES: Final = 16
ROUNDS: Final = 64

_WORD: Final = ir.IntType(32)
_PLACE: Final = ir.IntType(64)
_VECTOR: Final = ir.VectorType(_WORD, LANES)


def _rotated(b: Any, value: Any, *turns: int) -> list[Any]:
    """Return a vector's words rotated right by each number of bits."""
    return [b.or_(_right(b, value, by), b.shl(value, _all(32 - by))) for by in turns]


def _right(b: Any, value: Any, by: int) -> Any:
    return b.lshr(value, _all(by))


def _all(value: int) -> ir.Constant:
    return ir.Constant(_VECTOR, [value] * LANES)


def _mixed(b: Any, *values: Any) -> Any:
    return reduce(b.xor, values)


def _read(b: Any, base: Any, place: Any) -> Any:
    found = b.load(b.gep(base, [place]))
    found.align = 4  # arrays of words are not aligned for vectors
    return found


def _write(b: Any, value: Any, base: Any, place: Any) -> None:
    b.store(value, b.gep(base, [place])).align = 4


def _spread(b: Any, word: Any) -> Any:
    """Return a vector that holds one word in every lane."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    return b.shuffle_vector(b.insert_element(nothing, word, _WORD(0)), nothing, _all(0))


def _schedule(b: Any, words: Any) -> None:
    """Work out words 16 to 63 from the block's own sixteen."""
    with cgutils.for_range_slice(b, _PLACE(16), _PLACE(ROUNDS), _PLACE(1), _PLACE) as (t, _):
        w16, w15, w7, w2 = (_read(b, words, b.sub(t, _PLACE(back))) for back in (16, 15, 7, 2))
        s0 = _mixed(b, *_rotated(b, w15, 7, 18), _right(b, w15, 3))
        s1 = _mixed(b, *_rotated(b, w2, 17, 19), _right(b, w2, 10))
        _write(b, b.add(b.add(w16, s0), b.add(w7, s1)), words, t)


def _round(b: Any, registers: list[Any], more: Any) -> list[Any]:
    """Return registers a to h after one round; ``more`` is its constant and word."""
    a, b_, c, d, e, f, g, h = registers
    s1, s0 = _mixed(b, *_rotated(b, e, 6, 11, 25)), _mixed(b, *_rotated(b, a, 2, 13, 22))
    choice = b.xor(g, b.and_(e, b.xor(f, g)))
    majority = b.or_(b.and_(a, b_), b.and_(c, b.or_(a, b_)))
    t1 = b.add(b.add(h, more), b.add(choice, s1))
    return [b.add(t1, b.add(s0, majority)), a, b_, c, b.add(d, t1), e, f, g]


def _fold_lanes(context: Any, state: Any, words: Any, constants: Any) -> Any:
    """Fold sixteen blocks into sixteen states; for compiled code alone.

    Parameters
    ----------
    state
        Address of uint32 (8, LANES): a to h of each lane; overwritten.
    words
        Address of uint32 (ROUNDS, LANES): the first sixteen words are the block of each lane; the rest is overwritten.
    constants
        Address of the rounds' constants, uint32 (ROUNDS,).
    """

    def generate(context: Any, b: Any, signature: Any, arguments: Any) -> Any:
        state, words = (b.inttoptr(each, _VECTOR.as_pointer()) for each in arguments[:2])
        constants = b.inttoptr(arguments[2], _WORD.as_pointer())
        _schedule(b, words)
        before = [_read(b, state, _PLACE(i)) for i in range(8)]
        room = [cgutils.alloca_once_value(b, each) for each in before]  # type: ignore[no-untyped-call]
        with cgutils.for_range_slice(b, _PLACE(0), _PLACE(ROUNDS), _PLACE(8), _PLACE) as (t, _):
            registers = [b.load(each) for each in room]
            for i in range(8):
                at = b.add(t, _PLACE(i))
                more = b.add(_spread(b, b.load(b.gep(constants, [at]))), _read(b, words, at))
                registers = _round(b, registers, more)
            for each, value in zip(room, registers, strict=True):
                b.store(value, each)
        for i, each in enumerate(before):
            _write(b, b.add(each, b.load(room[i])), state, _PLACE(i))
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint64, types.uint64), generate


fold_lanes: Any = intrinsic(_fold_lanes)
"""`_fold_lanes` as compiled code calls it, without the context."""
