"""The compiled road of :mod:`cardrisk.codes.normalise`: plain ASCII at memory speed, the rest one by one.

Correct when every code and flag equals what ``normalise`` says of the same text.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cardrisk._compiled import compiled
from cardrisk.codes.normalise import (
    CASE,
    CLASSES,
    DROP,
    KEEP,
    LONGEST_CODE,
    LONGEST_TEXT,
    LOWER,
    MARK,
    OVERSIZED,
    SPACING,
    normalise,
)
from cardrisk.codes.sealed import Codes, Texts

_SLOW_FLAG: Final = 128


def clean(texts: Texts) -> Codes:
    """Normalise a column of texts.

    Parameters
    ----------
    texts
        n texts; a null or empty one stays unknown.

    Returns
    -------
    Codes
        n codes, sealed; the caller wipes them.
    """
    data = np.empty(texts.data.size, np.uint8)
    start, stop = np.empty(len(texts), np.int64), np.empty(len(texts), np.int64)
    flags = np.zeros(len(texts), np.uint8)
    slow = _clean_ascii(texts.data, texts.start, texts.stop, CLASSES, data, start, stop, flags)
    codes = Codes(data, start, stop, flags)
    return _clean_rest(texts, codes, np.flatnonzero(flags & _SLOW_FLAG)) if slow else codes


def _clean_rest(texts: Texts, codes: Codes, rows: NDArray[np.int64]) -> Codes:
    pieces, position = [codes.data], codes.data.size
    for row in rows:
        code, flags = normalise(texts.text(row))
        pieces.append(np.frombuffer(code.encode("ascii"), np.uint8))
        codes.start[row], codes.stop[row], codes.flags[row] = position, position + len(code), flags
        position += len(code)
    whole = Codes(np.concatenate(pieces), codes.start, codes.stop, codes.flags)
    codes.data.fill(0)
    return whole


@compiled
def _clean_ascii(
    data: NDArray[np.uint8],
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    classes: NDArray[np.uint8],
    out: NDArray[np.uint8],
    out_start: NDArray[np.int64],
    out_stop: NDArray[np.int64],
    flags: NDArray[np.uint8],
) -> int:
    slow = 0
    position = 0
    for row in range(start.size):
        first = position
        seen = 0
        if stop[row] - start[row] > 4 * LONGEST_TEXT:
            seen = OVERSIZED
        else:
            for at in range(start[row], stop[row]):
                byte = data[at]
                what = classes[byte]
                if what == KEEP:
                    out[position] = byte
                    position += 1
                elif what == LOWER:
                    out[position] = byte - 32
                    position += 1
                    seen |= CASE
                elif what == DROP:
                    seen |= SPACING
                elif what == MARK:
                    out[position] = 63
                    position += 1
                else:
                    seen = _SLOW_FLAG
                    break
            if seen != _SLOW_FLAG and stop[row] - start[row] > LONGEST_TEXT:
                seen = OVERSIZED
            elif seen != _SLOW_FLAG and position - first > LONGEST_CODE:
                seen |= OVERSIZED
        if seen & (_SLOW_FLAG | OVERSIZED):
            position = first
            slow += seen >> 7
        out_start[row] = first
        out_stop[row] = position
        flags[row] = seen
    return slow
