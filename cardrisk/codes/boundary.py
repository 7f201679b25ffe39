"""What goes wrong inside the boundary leaves it without the codes it happened to.

Correct when no exception that leaves a guarded function carries, in its message, its arguments or the frames below
the guard, anything of the codes inside.
"""

import functools
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from cardrisk.errors import CardriskError, InputError

RAW: Final = ("card_no", "card_secret", "client_ip", "device_id")
"""Columns that never pass the boundary."""

P = ParamSpec("P")
R = TypeVar("R")


def guarded(function: Callable[P, R]) -> Callable[P, R]:
    """Let only this library's own errors out of ``function``; any other is replaced by its type's name alone.

    The new error is raised after the old one is gone, so that neither it nor its traceback hangs on as context.
    """

    @functools.wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except CardriskError:
            raise
        except Exception as error:
            failed = type(error).__name__
        del args, kwargs
        raise InputError(
            f"codes: the intake boundary could not read its input ({failed}); its values are withheld. "
            "Expected a frame or mapping that passed the submissions contract (cardrisk.tables)"
        )

    return inside
