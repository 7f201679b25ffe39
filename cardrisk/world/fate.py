"""What becomes of each card, and the chance an observer who knew every hidden state would give it.

Correct when causes are drawn with exactly the chances stated, the first in precedence is recorded, and the joint
chances are those of the draws given what the row shows: so they are calibrated by construction.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from cardrisk import facts
from cardrisk.kinds import FAMILIES
from cardrisk.world.batches import TOGETHER
from cardrisk.world.cards import Cards
from cardrisk.world.causes import INTRINSIC_CAUSES
from cardrisk.world.ground import DAY, MICRO, Ground
from cardrisk.world.hashing import Array, bits, uniform
from cardrisk.world.rates import CHANNEL_NAMES, INTRINSIC, PRECEDENCE, stop_table

OK: Final = -1
RATE_LIMITED: Final = PRECEDENCE.index("rate_limited")
ISSUER_BUSY: Final = PRECEDENCE.index("issuer_busy")

_CAUSES, _SCREEN, _MOMENT, _BUSY, _AGAIN = range(700, 705)


@dataclass
class Fate:
    """What became of each card.

    Attributes
    ----------
    cause
        Index into ``PRECEDENCE``, -1 for a card that activates.
    chances
        Joint chance of every cause in ``PRECEDENCE``, float64 of shape (cards, causes).
    stopped
        Whether the platform's own screening stopped the card before activation.
    """

    cause: Array
    chances: Array
    stopped: Array


def strike(ground: Ground, cards: Cards) -> tuple[Array, Array]:
    """Let every intrinsic cause act on ``cards``.

    Returns
    -------
    cause
        Index of the recorded cause, -1 for none.
    joint
        Chance of each being the recorded one given hidden states and the row, shape (cards, intrinsic causes).
    """
    rng = ground.rng(_CAUSES, cards.day)
    recorded = np.full(len(cards), OK)
    joint = np.zeros((len(INTRINSIC), len(cards)))
    left = np.ones(len(cards))
    for index, cause in enumerate(INTRINSIC_CAUSES):
        chance = cause.chance(ground, cards)
        struck = rng.random(len(cards)) < chance
        cause.act(ground, cards, struck, rng)
        seen = cause.seen(ground, cards, chance, struck)
        joint[index] = left * seen
        left *= 1.0 - seen
        recorded = np.where((recorded == OK) & struck, index, recorded)
    return recorded, joint


def screen(ground: Ground, cards: Cards, cause: Array, joint: Array) -> tuple[Array, Array]:
    """Let each platform stop cards by true cause; return who is stopped and the chances of who is not."""
    rng = ground.rng(_SCREEN, cards.day)
    draws = rng.random(len(cards))
    if not ground.screened:
        return np.zeros(len(cards), dtype=bool), joint
    table = stop_table()
    reached = cards.incident < 0
    stop = np.where(reached, table[cards.channel, cause + 1], 0.0)
    passing = 1.0 - table[cards.channel].T
    good = (1.0 - joint.sum(axis=0)) * passing[0]
    weighed = joint * passing[1:]
    total = good + weighed.sum(axis=0)
    return draws < stop, np.where(reached, weighed / np.maximum(total, 1e-300), joint)


def too_fast(ground: Ground, cards: Cards, passed: Array) -> Array:
    """Return which cards come above an issuer's limit for their IP, among those that reach it (C8)."""
    limit, window = facts.VELOCITY_LIMIT.value
    game = passed & (ground.kinds.family[cards.kind] == FAMILIES.index("game"))
    rows = np.flatnonzero(game)
    _, group = np.unique(cards.batches.ip[cards.batch[rows]] * 64 + cards.kind[rows], return_inverse=True)
    milliseconds = (cards.moment[rows] - cards.date * DAY * MICRO) // 1_000
    key = group.astype(np.int64) * (1 << 28) + milliseconds
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    before = np.arange(len(rows)) - np.searchsorted(ordered, ordered - int(window * 1_000), side="left")
    above = np.zeros(len(cards), dtype=bool)
    above[rows[order]] = before >= limit
    return above


def busy_chance(ground: Ground, cards: Cards) -> Array:
    """Return the chance that a card's issuer has no time for it: some hours are bad ones."""
    share, chance = facts.BUSY_HOURS.value
    hour = (cards.moment // (3_600 * MICRO)) % 24
    bad = uniform(ground.seed, _BUSY, cards.kind, np.full(len(cards), cards.day), hour) < share
    return np.where(bad, chance, 0.0)


def activate(ground: Ground, cards: Cards) -> tuple[Cards, Fate, Array]:
    """Take ``cards`` through causes, screening and the moment of activation.

    Returns
    -------
    cards
        The cards, and after them those that were refused for speed and handed in again.
    fate
        What became of each.
    first
        For every row the row of its first attempt.
    """
    cause, joint = strike(ground, cards)
    stopped, joint = screen(ground, cards, cause, joint)
    rng = ground.rng(_MOMENT, cards.day)
    draws = rng.random((len(cards), 2))
    above = too_fast(ground, cards, ~stopped)
    speed = np.where(above, facts.VELOCITY_TRIP.value, 0.0)
    tripped = draws[:, 0] < speed
    again, moment = _again(ground, cards, tripped & ~stopped)
    first = np.r_[np.arange(len(cards)), again]
    count = len(cards)
    cards = take(cards, first)
    cards.moment[count:] = moment
    speed, tripped = np.r_[speed, np.zeros(len(again))], np.r_[tripped, np.zeros(len(again), dtype=bool)]
    busy = busy_chance(ground, cards)
    is_busy = np.r_[draws[:, 1], rng.random(len(again))] < busy
    cause, joint, stopped = cause[first], joint[:, first], stopped[first]
    good = 1.0 - joint.sum(axis=0)
    chances = np.vstack([joint, good * speed, good * (1.0 - speed) * busy]).T
    late = np.select([tripped, is_busy], [RATE_LIMITED, ISSUER_BUSY], OK)
    return cards, Fate(np.where(cause == OK, late, cause), chances, stopped), first


def _again(ground: Ground, cards: Cards, tripped: Array) -> tuple[Array, Array]:
    """Return which refused cards come again later the same day, and when: slowly, half a minute apart."""
    rng = ground.rng(_AGAIN, cards.day)
    rows = np.flatnonzero(tripped & (rng.random(len(cards)) < facts.RESUBMITTED.value))
    batch = cards.batch[rows]
    new = np.r_[True, batch[1:] != batch[:-1]] if len(rows) else np.zeros(0, dtype=bool)
    place = np.arange(len(rows)) - np.maximum.accumulate(np.where(new, np.arange(len(rows)), 0))
    pause = 7_200.0 + 10_800.0 * (bits(ground.seed, _AGAIN, batch) % np.uint64(1_000)).astype(np.float64) / 1_000.0
    moment = cards.moment[rows] + ((pause + 30.0 * place) * MICRO).astype(np.int64)
    inside = moment < (cards.date + 1) * DAY * MICRO
    return rows[inside], moment[inside]


def take(cards: Cards, rows: Array) -> Cards:
    """Return ``cards`` at ``rows``; a row may be taken twice."""
    values = {name: value[rows] if isinstance(value, np.ndarray) else value for name, value in vars(cards).items()}
    return Cards(**values)


__all__ = ["CHANNEL_NAMES", "OK", "TOGETHER", "Fate", "activate", "take"]
