"""Why cards fail, one small file each, in the precedence by which a card that meets several is recorded."""

from typing import Final

from cardrisk.world.causes import (
    already_used,
    batch_invalid,
    bound_to_account,
    expired,
    forged,
    insufficient_balance,
    mistyped,
    not_activated,
    region_mismatch,
    wrong_face_value,
)
from cardrisk.world.causes._base import Cause

INTRINSIC_CAUSES: Final[tuple[Cause, ...]] = (
    forged,
    mistyped,
    batch_invalid,
    not_activated,
    expired,
    region_mismatch,
    already_used,
    bound_to_account,
    insufficient_balance,
    wrong_face_value,
)
"""In the order of :data:`cardrisk.world.rates.INTRINSIC`."""

__all__ = ["INTRINSIC_CAUSES", "Cause"]
