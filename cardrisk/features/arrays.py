"""Whole numbers are the ground of every feature: what is not a whole number is made one at the door.

Times are int64 microseconds since 1970 (UTC), money int64 cents, other numbers int64 at a declared scale,
texts int32 codes. Sums of whole numbers do not depend on their order, so every road adds up to the same bits.
"""

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

I64: TypeAlias = NDArray[np.int64]
I32: TypeAlias = NDArray[np.int32]
F64: TypeAlias = NDArray[np.float64]
Bool: TypeAlias = NDArray[np.bool_]
Array: TypeAlias = NDArray[Any]

NULL: Final = -(2**63)
"""Stands for "not known" in a column of whole numbers; no time, amount or sum reaches it."""

NEVER: Final = 2**62
"""A position or a width beyond every other: the width of a lifetime window."""

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * HOUR

HORIZON: Final = 90 * DAY
"""An answer later than this after its card is not linked to it any more, on any road; what is forgotten after
a silence (see :class:`~cardrisk.features.declare.Key`) is forgotten no earlier than this."""
