"""Typing errors as published (kinds and look-alike pairs of ``cardrisk.facts``), planted in honest codes.

Written apart from the synthetic world's own spoiling, so that hints are measured on errors they did not see made.
"""

from typing import NamedTuple

import numpy as np

from cardrisk.facts import LOOK_ALIKES, STRAY_LETTERS, TYPING_ERRORS
from tests.codes.cards import ALNUM


class Planted(NamedTuple):
    """What was typed, the 1-based positions of it that are wrong, and the kind of error."""

    text: str
    positions: frozenset[int]
    error: str


def plant(rng: np.random.Generator, code: str, alphabet: str) -> Planted:
    """Type ``code`` with one error; an omission has no position of its own, so the gap's neighbours are it."""
    kinds = TYPING_ERRORS.value
    while True:
        error = str(rng.choice(list(kinds), p=np.array(list(kinds.values())) / sum(kinds.values())))
        planted = _PLANTERS[error](rng, code, alphabet)
        if planted.text != code:
            return planted


def _substitution(rng: np.random.Generator, code: str, alphabet: str) -> Planted:
    stray = len(alphabet) == 10 and rng.random() < STRAY_LETTERS.value
    target = ALNUM[10:] if stray else alphabet
    draw = rng.random()
    near, likely = (LOOK_ALIKES.value[name][0] for name in ("near", "likely"))
    sort = "near" if draw < near else "likely" if draw < near + likely else None
    places = [
        (at, other)
        for at, character in enumerate(code)
        for pair in (LOOK_ALIKES.value[sort][1] if sort else ())
        for other in pair.replace(character, "", 1)
        if character in pair and other in target
    ] or [(at, other) for at, character in enumerate(code) for other in target if other != character]
    at, other = places[int(rng.integers(len(places)))]
    return Planted(code[:at] + other + code[at + 1 :], frozenset({at + 1}), "stray" if stray else "substitution")


def _transposition(rng: np.random.Generator, code: str, alphabet: str) -> Planted:
    at = int(rng.integers(len(code) - 1))
    return Planted(code[:at] + code[at + 1] + code[at] + code[at + 2 :], frozenset({at + 1, at + 2}), "transposition")


def _omission(rng: np.random.Generator, code: str, alphabet: str) -> Planted:
    at = int(rng.integers(len(code)))
    return Planted(code[:at] + code[at + 1 :], frozenset({max(at, 1), min(at + 1, len(code) - 1)}), "omission")


def _insertion(rng: np.random.Generator, code: str, alphabet: str) -> Planted:
    at = int(rng.integers(len(code)))
    doubled = rng.random() < 0.5
    extra = code[at] if doubled else str(rng.choice(list(alphabet)))
    return Planted(code[: at + 1] + extra + code[at + 1 :], frozenset({at + 1, at + 2}), "insertion")


def _twin(rng: np.random.Generator, code: str, alphabet: str) -> Planted:
    twins = [at for at in range(len(code) - 1) if code[at] == code[at + 1]]
    if not twins:
        return Planted(code, frozenset(), "twin")
    at = twins[int(rng.integers(len(twins)))]
    other = str(rng.choice(list(alphabet)))
    return Planted(code[:at] + other * 2 + code[at + 2 :], frozenset({at + 1, at + 2}), "twin")


def _truncation(rng: np.random.Generator, code: str, alphabet: str) -> Planted:
    left = len(code) - int(rng.integers(1, 4))
    return Planted(code[:left], frozenset({left}), "truncation")


_PLANTERS = {
    "substitution": _substitution,
    "transposition": _transposition,
    "omission": _omission,
    "insertion": _insertion,
    "twin": _twin,
    "truncation": _truncation,
}
