"""Compiled functions made ready for kinds of arguments that are known beforehand.

Correct when what is made ready is the very machine code that an ordinary call of the function would run.

An ordinary call asks numba for the kind of each argument. The first to ask imports NumPy's masked arrays and looks
through all that is installed for extensions of numba, as long as loading every kernel of one card takes; and each call
after it asks again.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import types
from numpy.typing import DTypeLike

WHOLE: Any = types.int64
"""The kind of Python's whole numbers."""
BYTES: Any = types.ByteArray(types.uint8, 1, "C")
"""The kind of a ``bytearray``: to hand one over takes a third of what an array over it takes."""


def array_of(dtype: DTypeLike, dimensions: int = 1) -> Any:
    """Return the kind of contiguous arrays that may be written to."""
    return types.Array(numba.from_dtype(np.dtype(dtype)), dimensions, "C")


def made_ready(function: Any, *kinds: Any) -> Callable[..., Any]:
    """Return a compiled function for arguments of these kinds alone; nobody looks whether they are.

    Parameters
    ----------
    function
        What ``compiled`` made.
    kinds
        One per argument: `WHOLE`, `BYTES` or `array_of` a type.
    """
    if not hasattr(function, "get_overload"):  # numba compiles nothing here, as under NUMBA_DISABLE_JIT
        found: Callable[..., Any] = function
        return found
    function.compile(kinds)
    return function.get_overload(kinds)  # type: ignore[no-any-return]
