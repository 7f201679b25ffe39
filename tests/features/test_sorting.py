"""Moments are sorted as NumPy's stable sort does, however they are spread; events stand grouped by entity."""

import itertools

import numpy as np
import pytest

from cardrisk.features.arrays import DAY, NULL
from cardrisk.features.sorting import group, in_time, inverse, places

SHAPES = {
    "spread": lambda rng, n: rng.integers(0, 60 * DAY, n),
    "full of ties": lambda rng, n: rng.integers(0, max(n // 10, 1), n) * DAY,
    "nearly sorted": lambda rng, n: np.sort(rng.integers(0, 60 * DAY, n)) + rng.integers(0, DAY, n),
    "bunched beside one far away": lambda rng, n: np.append(rng.integers(0, 1_000, n - 1), 10**15),
    "backwards": lambda rng, n: np.arange(n)[::-1] * 7,
    "one moment": lambda rng, n: np.full(n, 5),
    "with unknown ones": lambda rng, n: np.where(rng.random(n) < 0.1, NULL, rng.integers(0, DAY, n)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [1, 2, 50, 5_000])
def test_positions_equal_a_stable_sort(shape, count):
    moment = SHAPES[shape](np.random.default_rng(count), count).astype(np.int64)
    order, time = in_time(moment)
    assert np.array_equal(order, np.argsort(moment, kind="stable"))
    assert np.array_equal(time, moment[order])


def test_nothing_sorts_to_nothing():
    assert [found.size for found in in_time(np.zeros(0, np.int64))] == [0, 0]


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 700])
@pytest.mark.parametrize("count", [0, 1, 50, 5_000])
def test_groups_hold_each_entity_s_events_in_their_order(size, count):
    rng = np.random.default_rng([size, count])
    codes = (rng.zipf(1.3, count) % (size + 1) - 1).astype(np.int32)
    time = rng.integers(0, DAY, count)
    groups = group(codes, size, time)
    found = [groups.order[a:b].tolist() for a, b in itertools.pairwise(groups.start)]
    assert sorted(each for each in found if each) == sorted(
        np.flatnonzero(codes == code).tolist() for code in np.unique(codes[codes >= 0])
    )
    assert np.array_equal(groups.time, time[groups.order])
    assert np.array_equal(places(codes, groups), inverse(groups.order, count))
    others = group(rng.permutation(codes), size, time)
    filled = np.diff(groups.start) > 0
    assert np.array_equal(filled, np.diff(others.start) > 0)
