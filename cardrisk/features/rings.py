"""Rings: cards linked through shared devices, addresses or serial blocks, the same all day on every road.

At each UTC day's start the cards of the seven whole days before are linked through every value that they
share, unless so many share it that it says nothing; a ring is a connected component. A card handed in during
the day reads the rings that its own values belong to, with the answers known before the day began.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features.arrays import DAY, I64, NULL
from cardrisk.features.events import Answers, Cards

COLUMNS: Final = ("device_token", "ip_token", "serial_block")
SPAN: Final = 7 * DAY
CAP: Final = 100
"""A value that more cards than this share in the span (a shop's device, a carrier's address) links nothing."""
FACTS: Final = ("ring cards", "ring known", "ring failed")


@compiled
def root_of(parent: I64, value: int) -> int:
    """Return the value that stands for the component (path halving)."""
    while parent[value] != value:
        parent[value] = parent[parent[value]]
        value = parent[value]
    return value


@compiled
def build(values: I64, first: int, stop: int, state: I64, parent: I64, degree: I64, stats: I64) -> None:
    """Link the cards ``first`` to ``stop`` and add up each component.

    Parameters
    ----------
    values
        Shape (cards, columns): one number per distinct value of all columns; negative: unknown.
    state
        Shape (cards, 2): answers known and failed at the moment of building.
    parent, degree
        Per value; cleared here for every value the cards hold.
    stats
        Shape (values, 3): cards, known, failed, at each component's root.
    """
    columns = values.shape[1]
    for i in range(first, stop):
        for j in range(columns):
            v = values[i, j]
            if v >= 0:
                parent[v] = v
                degree[v] = 0
                stats[v] = 0
    for i in range(first, stop):
        for j in range(columns):
            if values[i, j] >= 0:
                degree[values[i, j]] += 1
    for i in range(first, stop):
        _link(values[i], parent, degree)
    for i in range(first, stop):
        for j in range(columns):
            v = values[i, j]
            if v >= 0 and degree[v] <= CAP:
                root = root_of(parent, v)
                stats[root, 0] += 1
                stats[root, 1] += state[i, 0]
                stats[root, 2] += state[i, 1]
                break


@compiled
def _link(values: I64, parent: I64, degree: I64) -> None:
    """Join the components of one card's values, of those that few enough cards share."""
    link = -1
    for v in values:
        if v < 0 or degree[v] > CAP:
            continue
        root = root_of(parent, v)
        if link >= 0 and link != root:
            parent[root] = link
        else:
            link = root


@compiled
def forget(values: I64, first: int, stop: int, degree: I64) -> None:
    """Mark every value of these cards as unseen."""
    for i in range(first, stop):
        for j in range(values.shape[1]):
            if values[i, j] >= 0:
                degree[values[i, j]] = 0


@compiled
def look(values: I64, parent: I64, degree: I64, stats: I64, out: I64) -> None:
    """Add up the distinct components that one card's values belong to; ``NULL`` if it has no value at all."""
    out[:] = NULL
    roots = np.full(values.size, -1, np.int64)
    for j in range(values.size):
        v = values[j]
        if v < 0:
            continue
        if out[0] == NULL:
            out[:] = 0
        if degree[v] == 0 or degree[v] > CAP:
            continue
        root = root_of(parent, v)
        known = False
        for k in range(j):
            known = known or roots[k] == root
        if not known:
            roots[j] = root
            out += stats[root]


@compiled
def look_each(values: I64, places: I64, parent: I64, degree: I64, stats: I64, out: I64) -> None:
    """Look for several cards, as `look`; ``places`` are their rows of ``values``."""
    for i in range(places.size):
        look(values[places[i]], parent, degree, stats, out[i])


@compiled
def walk(time: I64, counted: I64, values: I64, size: int, a_time: I64, a_card: I64, a_known: I64, a_failed: I64) -> I64:
    """Return cards, known and failed of every card's rings, shape (cards, 3), day after day."""
    out = np.empty((time.size, 3), np.int64)
    state = np.zeros((time.size, 2), np.int64)
    parent = np.zeros(size, np.int64)
    degree = np.zeros(size, np.int64)
    stats = np.zeros((size, 3), np.int64)
    first, stop, answer, day = 0, 0, 0, NULL
    for i in range(time.size):
        start = time[i] - time[i] % DAY
        if start != day:
            forget(counted, first, stop, degree)
            day = start
            stop = i
            while first < stop and time[first] < start - SPAN:
                first += 1
            while answer < a_time.size and a_time[answer] < start:
                state[a_card[answer], 0] = a_known[answer]
                state[a_card[answer], 1] = a_failed[answer]
                answer += 1
            build(counted, first, stop, state, parent, degree, stats)
        look(values[i], parent, degree, stats, out[i])
    return out


def add_rings(cards: Cards, answers: Answers) -> None:
    """Compute ring facts of every card and keep them with the cards."""
    values = np.full((cards.time.size, len(COLUMNS)), -1, np.int64)
    size = 0
    for j, column in enumerate(COLUMNS):
        codes, count = cards.code(column)
        values[:, j] = np.where(codes < 0, -1, codes.astype(np.int64) + size)
        size += count
    counted = np.where(cards.push[:, None] == 1, values, -1)
    told = (each.astype(np.int64) for each in (answers.known, answers.failed))
    found = walk(cards.time, counted, values, size, answers.time, answers.card, *told)
    cards.found.update({name: np.ascontiguousarray(found[:, j]) for j, name in enumerate(FACTS)})
