"""What becomes of each card, and the chance an observer who knew every hidden state would give it.

Correct when causes are drawn with exactly the chances stated, the first in precedence is recorded, and the joint
chances are those of the draws given what the row shows: so they are calibrated by construction.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cardrisk import facts
from cardrisk.kinds import FAMILIES
from cardrisk.world.cards import Group
from cardrisk.world.causes import INTRINSIC_CAUSES
from cardrisk.world.ground import DAY, MICRO, Ground
from cardrisk.world.hashing import Array, bits, uniform
from cardrisk.world.incidents import Regime
from cardrisk.world.rates import INTRINSIC, PRECEDENCE

OK: Final = -1
RATE_LIMITED: Final = PRECEDENCE.index("rate_limited")
ISSUER_BUSY: Final = PRECEDENCE.index("issuer_busy")

AGAIN_AFTER: Final = (7_200.0, 18_000.0)
"""Seconds until refused cards come again, at least and at most."""
AGAIN_GAP: Final = 30.0
"""Seconds between two of them: slowly."""

_SCREEN, _MOMENT, _BUSY, _AGAIN, _RULES, _CAUSES = 700, 701, 702, 703, 704, 710


@dataclass
class Fate:
    """What became of each card.

    Attributes
    ----------
    cause
        Index into ``PRECEDENCE``, -1 for a card that activates.
    chances
        Joint chance of every cause in ``PRECEDENCE``, float64 of shape (causes, cards).
    stopped
        Whether the platform's own screening stopped the card before activation.
    """

    cause: Array
    chances: Array
    stopped: Array

    def take(self, rows: Array) -> "Fate":
        """Return the fate of the cards at ``rows``."""
        return Fate(self.cause[rows], np.take(self.chances, rows, axis=1), self.stopped[rows])


def join(parts: list[Fate]) -> Fate:
    """Return one fate out of several groups'."""
    return Fate(
        np.concatenate([part.cause for part in parts]),
        np.concatenate([part.chances for part in parts], axis=1),
        np.concatenate([part.stopped for part in parts]),
    )


def regimes(ground: Ground, day: int) -> list[Regime]:
    """Return the rules that incidents put in force on ``day``."""
    return [rule for index, item in enumerate(ground.incidents) for rule in item.regimes(day, index)]


def under(ground: Ground, group: Group, rule: Regime) -> Array:
    """Return which cards a rule is about, by kind and hour; never by fate."""
    hour = (group.cards.moment - group.date * DAY * MICRO) / (3_600 * MICRO)
    inside = (hour >= rule.hours[0]) & (hour < rule.hours[1])
    return np.asarray(inside & (group.cards.kind == ground.kinds.names.index(rule.kind)))


def _raised(ground: Ground, group: Group, cause: str, chance: Array) -> Array:
    """Return ``chance`` with what rules in force add to it; their cards belong to the incident."""
    for rule in regimes(ground, group.day):
        if rule.cause == cause:
            here = under(ground, group, rule)
            chance = np.where(here, 1.0 - (1.0 - chance) * (1.0 - rule.extra), chance)
            mine = here & (group.cards.incident < 0)
            group.cards.incident = np.where(mine, rule.incident, group.cards.incident)
    return chance


def strike(ground: Ground, group: Group) -> tuple[Array, Array]:
    """Let every intrinsic cause act on a group's cards.

    Returns
    -------
    cause
        Index of the recorded cause, -1 for none.
    joint
        Chance of each being the recorded one given hidden states and the row, shape (intrinsic causes, cards).
    """
    count = len(group.cards)
    recorded, left = np.full(count, OK), np.ones(count)
    joint = np.zeros((len(INTRINSIC), count))
    for index, cause in enumerate(INTRINSIC_CAUSES):
        rng = group.rng(ground, _CAUSES + index)
        chance = cause.chance(ground, group)
        struck = rng.random(count) < chance
        cause.act(ground, group, struck, rng)
        seen = cause.seen(ground, group, chance, struck)
        joint[index] = left * seen
        left *= 1.0 - seen
        recorded[struck & (recorded == OK)] = index
    return recorded, joint


def new_rules(ground: Ground, group: Group, cause: Array, joint: Array) -> tuple[Array, Array]:
    """Let issuers' new rules refuse cards that are good otherwise (C11): no screening knows them yet."""
    rng = group.rng(ground, _RULES)
    for name in sorted({rule.cause for rule in regimes(ground, group.day)} & set(INTRINSIC)):
        index = INTRINSIC.index(name)
        extra = _raised(ground, group, name, np.zeros(len(cause)))
        struck = rng.random(len(cause)) < extra
        joint[index] += (1.0 - joint.sum(axis=0)) * extra
        cause = np.where(struck & (cause == OK), index, cause)
    return cause, joint


def screen(ground: Ground, group: Group, cause: Array, joint: Array) -> tuple[Array, Array]:
    """Let each platform stop cards by true cause; return who is stopped and the chances of who is not.

    An incident's own cards are counted as they reach activation: nobody stopped them.
    """
    if not ground.screened:
        return np.zeros(len(cause), dtype=bool), joint
    table, channel = ground.rates.stop_table, group.cards.channel
    reached = group.batches.flood[group.cards.batch]
    draws = group.rng(ground, _SCREEN).random(len(cause))
    stop = np.where(reached, 0.0, table[channel, cause + 1])
    passing = np.take((1.0 - table).T, channel, axis=1)
    weighed = joint * passing[1:]
    total = (1.0 - joint.sum(axis=0)) * passing[0] + weighed.sum(axis=0)
    return draws < stop, np.where(reached, joint, weighed / np.maximum(total, 1e-300))


def too_fast(ground: Ground, group: Group, passed: Array) -> Array:
    """Return which cards come above an issuer's limit for their IP, among those that reach it (C8)."""
    limit, window = facts.VELOCITY_LIMIT.value
    cards = group.cards
    ip = group.batches.ip
    game = ground.kinds.family[cards.kind] == FAMILIES.index("game")
    rows = np.flatnonzero(passed & game & _busy_address(ip, group.batches.size, limit)[cards.batch])
    above = np.zeros(len(cards), dtype=bool)
    _, group_of = np.unique(ip[cards.batch[rows]] * 64 + cards.kind[rows], return_inverse=True)
    milliseconds = (cards.moment[rows] - group.date * DAY * MICRO) // 1_000
    key = group_of.astype(np.int64) * (1 << 28) + milliseconds
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    before = np.arange(len(rows)) - np.searchsorted(ordered, ordered - int(window * 1_000), side="left")
    above[rows[order]] = before >= limit
    return above


def _busy_address(ip: Array, size: Array, limit: int) -> Array:
    """Return which batches come from an IP with more than ``limit`` cards all day: no other can trip."""
    order = np.argsort(ip, kind="stable")
    starts = np.flatnonzero(np.r_[True, ip[order][1:] != ip[order][:-1]]) if len(ip) else np.zeros(0, int)
    total = np.add.reduceat(size[order], starts) if len(starts) else np.zeros(0, int)
    out = np.zeros(len(ip), dtype=bool)
    out[order] = np.repeat(total > limit, np.diff(np.r_[starts, len(ip)]))
    return out


def busy_chance(ground: Ground, group: Group) -> Array:
    """Return the chance that a card's issuer has no time for it: some hours are bad ones."""
    share, chance = facts.BUSY_HOURS.value
    hour = (group.cards.moment // (3_600 * MICRO)) % 24
    kinds = np.repeat(np.arange(len(ground.kinds.names)), 24)
    hours = np.tile(np.arange(24), len(ground.kinds.names))
    bad = uniform(ground.seed, _BUSY, group.day, kinds, hours) < share
    usual = np.where(bad, chance, 0.0)[group.cards.kind * 24 + hour]
    return _raised(ground, group, "issuer_busy", usual)


def activate(ground: Ground, group: Group) -> tuple[Group, Fate, Array]:
    """Take a group through causes, screening and the moment of activation.

    Returns
    -------
    group
        Its cards, and after them those that were refused for speed and handed in again.
    fate
        What became of each.
    first
        For every row the row of its first attempt.
    """
    cause, joint = strike(ground, group)
    stopped, joint = screen(ground, group, cause, joint)
    cause, joint = new_rules(ground, group, cause, joint)
    rng, count = group.rng(ground, _MOMENT), len(group.cards)
    draws = rng.random((2, count))
    speed = np.where(too_fast(ground, group, ~stopped), facts.VELOCITY_TRIP.value, 0.0)
    tripped = draws[0] < speed
    again, moment = _again(ground, group, tripped & ~stopped)
    first = np.r_[np.arange(count), again]
    cards = group.cards.take(first)
    cards.received[count:] += moment - cards.moment[count:]
    cards.moment[count:] = moment
    cards.again[count:] = True
    group = replace(group, cards=cards)
    speed, tripped = np.r_[speed, np.zeros(len(again))], np.r_[tripped, np.zeros(len(again), dtype=bool)]
    busy = busy_chance(ground, group)
    is_busy = np.r_[draws[1], rng.random(len(again))] < busy
    cause, joint, stopped = cause[first], np.take(joint, first, axis=1), stopped[first]
    good = 1.0 - joint.sum(axis=0)
    chances = np.vstack([joint, good * speed, good * (1.0 - speed) * busy])
    late = np.select([tripped, is_busy], [RATE_LIMITED, ISSUER_BUSY], OK)
    return group, Fate(np.where(cause == OK, late, cause), chances, stopped), first


def _again(ground: Ground, group: Group, tripped: Array) -> tuple[Array, Array]:
    """Return which refused cards come again later the same day, and when."""
    rng = group.rng(ground, _AGAIN)
    rows = np.flatnonzero(tripped & (rng.random(len(tripped)) < facts.RESUBMITTED.value))
    batch = group.cards.batch[rows]
    new = np.r_[True, batch[1:] != batch[:-1]] if len(rows) else np.zeros(0, dtype=bool)
    place = np.arange(len(rows)) - np.maximum.accumulate(np.where(new, np.arange(len(rows)), 0))
    soonest, latest = AGAIN_AFTER
    unit = (bits(ground.seed, _AGAIN, group.day, batch) % np.uint64(1_000)).astype(np.float64) / 1_000.0
    wait = soonest + (latest - soonest) * unit + AGAIN_GAP * place
    moment = group.cards.moment[rows] + (wait * MICRO).astype(np.int64)
    inside = moment < (group.date + 1) * DAY * MICRO
    return rows[inside], moment[inside]
