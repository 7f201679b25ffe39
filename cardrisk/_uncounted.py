"""Arrays in compiled code without counting who holds them.

Correct when whoever owns the numbers outlives every use of such an array.

Compiled code counts the holders of an array at every part taken of it, each time with two steps that no other
processor may come between: on the road of one card they took two fifths of the boundary's compiled time.
"""

from typing import Any, Final

from numba.core import cgutils, types
from numba.extending import intrinsic


def _uncounted(context: Any, array: Any) -> Any:
    """Return an array over the same numbers, or bytes, whose holders are not counted, nor those of its parts."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(signature.return_type)(context, builder, arguments[0])
        for field in ("meminfo", "parent"):
            setattr(made, field, cgutils.get_null_value(getattr(made, field).type))  # type: ignore[no-untyped-call]
        return made._getvalue()

    if not isinstance(array, types.Buffer):  # type: ignore[attr-defined]
        return None
    return types.Array(array.dtype, array.ndim, array.layout)(array), generate


uncounted: Final[Any] = intrinsic(_uncounted)
"""`_uncounted` as compiled code calls it, without the context. Arguments of a function called from Python qualify, as
does what outlives the call by a later use."""
