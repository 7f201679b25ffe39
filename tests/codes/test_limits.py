"""No caller gets through more often than promised, and one caller's haste is nobody else's wait."""

import numpy as np
import pytest

from cardrisk.codes import CallerLimit
from cardrisk.errors import InputError


def test_a_burst_and_then_the_rate() -> None:
    limit = CallerLimit(rate=2.0, burst=3)
    assert [limit.allow("a", now=0.0) for _ in range(5)] == [True] * 3 + [False] * 2
    assert limit.wait("a", now=0.0) == pytest.approx(0.5)
    assert not limit.allow("a", now=0.4)
    assert limit.allow("a", now=0.5)
    assert limit.allow("b", now=0.5)
    assert limit.wait("c", now=0.5) == 0.0


def test_no_stretch_of_time_lets_more_through() -> None:
    rng = np.random.default_rng(1)
    limit = CallerLimit(rate=5.0, burst=10)
    times = np.sort(rng.random(2_000) * 60)
    let = [now for now in times if limit.allow("a", now=float(now))]
    for first in range(len(let)):
        for last in range(first, len(let)):
            assert last - first + 1 <= 10 + 5.0 * (let[last] - let[first]) + 1e-6


def test_a_clock_that_goes_back_gives_nothing() -> None:
    limit = CallerLimit(rate=1.0, burst=1)
    assert limit.allow("a", now=100.0)
    assert not limit.allow("a", now=0.0)


def test_callers_are_bounded() -> None:
    limit = CallerLimit(rate=1.0, burst=1, callers=10)
    for caller in range(1_000):
        assert limit.allow(str(caller), now=0.0)
    assert len(limit._buckets) == 10
    assert not limit.allow("999", now=0.0)


def test_the_clock_is_the_systems_by_default() -> None:
    limit = CallerLimit(rate=0.001, burst=1)
    assert (limit.allow("a"), limit.allow("a")) == (True, False)
    assert 0 < limit.wait("a") <= 1_000


@pytest.mark.parametrize("bad", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (float("nan"), 1, 1)])
def test_limits_are_positive(bad: tuple[float, int, int]) -> None:
    with pytest.raises(InputError, match="expected positive rate, burst and callers"):
        CallerLimit(*bad)
