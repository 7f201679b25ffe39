import numpy as np
import pytest

from cardrisk.errors import InputError
from cardrisk.risk.splits import rolling_origin, time_split


def test_parts_are_consecutive_and_the_gap_is_empty():
    moments = np.random.default_rng(0).permutation(1_000).astype(np.int64)
    train, calibrate, test = time_split(moments, (0.6, 0.2, 0.2), gap=30)
    assert moments[train.rows].max() < calibrate.start - 30
    assert moments[calibrate.rows].max() < test.start - 30
    assert test.end == 1_000
    assert (train.labels_as_of, calibrate.labels_as_of, test.labels_as_of) == (600, 800, None)
    assert (len(train.rows), len(calibrate.rows), len(test.rows)) == (570, 170, 200)


def test_equal_moments_are_never_torn_apart():
    moments = np.repeat(np.arange(5, dtype=np.int64), 7)
    for part in time_split(moments, (0.5, 0.5)):
        _, counts = np.unique(moments[part.rows], return_counts=True)
        assert (counts == 7).all()


def test_no_cards_give_empty_parts():
    assert [len(part.rows) for part in time_split(np.empty(0, np.int64), (0.5, 0.5))] == [0, 0]


def test_rolling_origin_trains_on_everything_before_the_gap():
    moments = np.sort(np.random.default_rng(1).integers(0, 10**6, 500)).astype(np.int64)
    folds = list(rolling_origin(moments, folds=4, gap=1_000))
    tested = np.concatenate([test.rows for _, test in folds])
    assert len(folds) == 4
    assert len(tested) == len(np.unique(tested))
    for train, test in folds:
        assert moments[train.rows].max() < test.start - 1_000
        assert train.labels_as_of == test.start
        np.testing.assert_array_equal(train.rows, np.flatnonzero(moments < test.start - 1_000))


@pytest.mark.parametrize(("shares", "gap"), [((0.5, 0.6), 0), ((), 0), ((1.2, -0.2), 0), ((0.5, 0.5), -1)])
def test_shares_must_make_sense(shares, gap):
    with pytest.raises(InputError, match="expected positive shares that sum to 1"):
        time_split(np.arange(10), shares, gap=gap)


def test_folds_must_make_sense():
    with pytest.raises(InputError, match="expected folds >= 1"):
        next(rolling_origin(np.arange(10), folds=0))
