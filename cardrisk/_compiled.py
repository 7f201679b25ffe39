"""The one typed door to numba: compiled functions are cached on disk and keep their Python types.

``compiled`` is strict IEEE arithmetic (no fast-math): the same inputs give the same bits on every road.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile ``function`` with numba on first call, releasing the GIL and caching machine code on disk.

    Parameters
    ----------
    function
        A function over NumPy arrays and scalars that numba's nopython mode accepts.

    Returns
    -------
    callable
        The compiled dispatcher, typed like ``function``.
    """
    return cast(F, numba.njit(cache=True, nogil=True, fastmath=False)(function))
