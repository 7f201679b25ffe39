"""Which characters people take for which, as published tables have it.

Correct when every reading offered is a pair of :data:`cardrisk.facts.LOOK_ALIKES`, or two of them in a row where
one alone leads to no allowed character (D, O, 0).
"""

from typing import Final

from cardrisk.facts import LOOK_ALIKES

DIGITS: Final = "0123456789"
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _partners(sort: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one, other in LOOK_ALIKES.value[sort][1]:
        found[one] = found.get(one, "") + other
        found[other] = found.get(other, "") + one
    return found


NEAR: Final = _partners("near")
LIKELY: Final = _partners("likely")


def partners(character: str) -> str:
    """Return every character that looks like ``character``, the nearest first."""
    return NEAR.get(character, "") + LIKELY.get(character, "")


def readings(character: str, allowed: str) -> str:
    """Return what a stray ``character`` may have been, out of ``allowed``; empty where nothing looks like it."""
    direct = [other for other in partners(character) if other in allowed]
    further = [other for between in partners(character) for other in partners(between) if other in allowed]
    return "".join(dict.fromkeys(direct or further))


def misread_weight(character: str, allowed: str) -> float:
    """Return how likely a wrong character reads ``character``, relative to any other, given a substitution.

    The published shares of near and likely pairs, each spread over the partners a true character has; the rest
    of substitutions is uniform.
    """
    weight = 1.0 - LOOK_ALIKES.value["near"][0] - LOOK_ALIKES.value["likely"][0]
    for sort, table in (("near", NEAR), ("likely", LIKELY)):
        for true in table.get(character, ""):
            if true in allowed:
                choices = sum(other in allowed for other in table[true])
                weight += LOOK_ALIKES.value[sort][0] / choices
    return float(weight)
