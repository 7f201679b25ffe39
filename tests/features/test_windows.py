"""Windows equal the unrounded oracle on random histories full of ties and edges; tiled windows do not."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.features import FEATURES, FeatureSet, compute, feature
from cardrisk.features.arrays import DAY, HOUR, NEVER, Rooms
from cardrisk.features.catalogue import BATCH, SUBMITTER, SUBMITTER_BURST
from cardrisk.features.finish import surprise
from cardrisk.features.merging import edges_of, keys_of
from cardrisk.features.sorting import group
from cardrisk.features.statistics import CARD
from tests.oracles import history as oracle

from . import worlds

ASKED = FeatureSet(
    (
        feature("count", SUBMITTER, "1h"),
        feature("count", SUBMITTER, "1d"),
        feature("sum", SUBMITTER, "7d", of="face_value"),
        feature("known", SUBMITTER, "1d"),
        feature("failed", SUBMITTER, "30d"),
        feature("failed", SUBMITTER, "life"),
        feature("distinct", SUBMITTER, "7d", of="batch_id"),
        feature("top_share", BATCH, "7d", of="gateway_message"),
        feature("cause", BATCH, "30d", of="forged"),
        feature("count", SUBMITTER_BURST, "life"),
    )
)


def ours(submissions, outcomes):
    return compute(submissions, outcomes, features=ASKED)


def tiled(submissions, outcomes):
    """What stores that keep one sum per hour give: the window's far edge falls on a whole hour."""
    found = ours(submissions, outcomes)
    known = submissions["received_at"].fillna(submissions["submitted_at"]).astype("int64").to_numpy()
    who = submissions["submitter_id"].to_numpy(object)
    first = ~submissions["submission_id"].duplicated().to_numpy()
    hour = 3_600_000_000
    for i, t in enumerate(known):
        if isinstance(who[i], str):
            edge = (t - hour) // hour * hour
            found.loc[found.index[i], "submitter_count_1h"] = np.float32(
                np.sum((who == who[i]) & first & (known >= edge) & (known < t))
            )
    return found


def mismatches(road, cases, seed):
    """Return (queries asked, queries answered differently from the oracle)."""
    asked = wrong = 0
    for case in range(cases):
        rng = np.random.default_rng([seed, case])
        submissions, outcomes = worlds.tables(rng, n=int(rng.integers(4, 18)), days=3, entities=2)
        shift = pd.to_timedelta(rng.integers(0, 3_600_000_000, len(submissions)), unit="us")
        if case % 2:  # half of the histories off the grid, half full of ties
            submissions["submitted_at"] += shift
        found = road(submissions, outcomes)
        rows = oracle.records(submissions)
        history = oracle.History(rows, oracle.records(outcomes))
        for i, row in enumerate(rows):
            received = oracle.micros(row["received_at"])
            t = oracle.micros(row["submitted_at"]) if received is None else received
            for f in ASKED:
                expected = oracle.feature_value(history, f, row, t, CARD)
                got = found[f.name].iloc[i]
                kind = np.float32 if f.dtype == "float32" else np.float64
                same = np.isnan(got) if expected is None else kind(float(expected)) == got
                asked, wrong = asked + 1, wrong + (not same)
    return asked, wrong


def test_every_value_equals_the_unrounded_oracle(full_or):
    asked, wrong = mismatches(ours, full_or(10_000, 40), seed=11)
    assert wrong == 0
    assert asked >= full_or(1_000_000, 3_000)


def test_tiled_windows_fail_the_same_test():
    assert mismatches(tiled, 40, seed=11)[1] > 0


def test_summer_time_does_not_move_windows():
    local = pd.date_range("2026-03-28 22:00", periods=12, freq="30min", tz="Europe/Berlin")
    frame = pd.DataFrame({"submission_id": [f"s{i}" for i in range(12)], "submitted_at": local, "submitter_id": "u"})
    found = ours(frame, None)
    assert found["submitter_count_1h"].tolist() == [0, 1] + [2] * 10


def test_surprise_equals_the_distribution_added_up():
    from scipy.special import betainc

    for n in (1, 2, 7, 40, 900):
        for bits in (1, 3, n, 2 * n, 5 * n):
            expected = -np.log10(max(betainc(bits, n, 0.5), 1e-300))
            assert np.isclose(surprise(float(bits), float(n)), expected, rtol=1e-9, atol=1e-12)


def test_the_default_set_is_rich_and_says_why():
    assert 100 <= len(FEATURES) <= 260
    assert FEATURES.categorical[:2] == ["channel", "card_kind"]


@pytest.mark.parametrize("years", [1, 9_000])
def test_edges_equal_a_search_in_each_group(years):
    """Over 9,000 years one number line holds a few entities only: the walk starts anew many times."""
    rng = np.random.default_rng(years)
    span, entities, widths = years * 365 * DAY, 40, np.array([0, 1, HOUR, DAY, 30 * DAY, years * DAY, NEVER])

    def grouped(count):
        codes, time = rng.integers(0, entities, count).astype(np.int32), np.sort(rng.integers(0, span, count))
        groups = group(np.where(codes % 7 == 0, -1, codes).astype(np.int32), entities, time)
        assert np.array_equal(groups.time, time[groups.order])
        return groups.time, groups.start

    (asked, q_start), (known, p_start) = grouped(500), grouped(400)
    asked[:300:3] = rng.choice(known, 100)
    for e in range(q_start.size - 1):
        asked[q_start[e] : q_start[e + 1]].sort()
    base, reach = int(known.min()), int(max(known.max(), asked.max()) - known.min())
    q_keys, p_keys = keys_of(asked, q_start, base, reach, False), keys_of(known, p_start, base, reach, True)
    edges = edges_of(q_keys, q_start, p_keys, p_start, widths, reach, False, Rooms(), "")
    for e in range(q_start.size - 1):
        own = known[p_start[e] : p_start[e + 1]]
        for q in range(q_start[e], q_start[e + 1]):
            expected = p_start[e] + np.searchsorted(own, asked[q] - widths, side="left")
            assert edges[: widths.size, q].tolist() == expected.tolist()
