"""What a number in a scenario must be, asked before anything is computed with it.

Correct when whatever is not a number, or not a finite one, is refused by name instead of failing further in.
"""

import math
from numbers import Integral, Real
from typing import Any, TypeGuard


def is_whole(value: object) -> TypeGuard[int]:
    """Tell whether ``value`` is a whole number; a truth value is none."""
    return not isinstance(value, bool) and isinstance(value, Integral)


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether ``value`` is a finite number; a truth value is none."""
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def is_share(value: object) -> TypeGuard[float]:
    """Tell whether ``value`` is a number from 0 to 1."""
    return is_number(value) and 0.0 <= value <= 1.0


def builtin(value: Any) -> Any:
    """Return ``value`` with NumPy's numbers, at any depth, as Python's: files hold no others."""
    if isinstance(value, dict):
        return {name: builtin(entry) for name, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [builtin(entry) for entry in value]
    if isinstance(value, bool) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)
