"""A change of the token key with an overlap: no window up to the overlap notices, on any road."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.codes import TOKENS, KeyRing, intake, rekey, translation
from cardrisk.codes.gate import NEXT
from cardrisk.features import FeatureSet, LiveHistory, compute, feature
from cardrisk.features.arrays import DAY
from cardrisk.features.catalogue import DEVICE, IP, NUMBER, SECRET, SERIAL
from cardrisk.features.statistics import CARD
from cardrisk.features.stores import rekeying
from cardrisk.features.stores.tables import entries_of

OLD, NEW = b"an old key for tests, 0123456789 abcdef", b"the next key for tests, 9876543210 fedcb"
OVERLAP = 7 * DAY
WINDOWS = ("1h", "1d", "7d")
KEYS = (IP, DEVICE, NUMBER, SECRET, SERIAL, CARD)
FEATURES = FeatureSet(
    tuple(
        feature(statistic, key, window, of=of)
        for key in KEYS
        for window in WINDOWS
        for statistic, of in (("count", None), ("distinct", "submitter_id"))
    )
    + tuple(feature("failed", key, window) for key in KEYS for window in ("1h", "1d"))  # answers take up to 3 days
    + tuple(
        feature("distinct", IP, window, of=column)
        for window in WINDOWS
        for column in ("device_token", "card_token", "serial_block")
    )
)


def stream(seed):
    """Cards of 24 days by few people, addresses, devices and codes, and their answers."""
    rng = np.random.default_rng([12, seed])
    n = 160
    at = pd.Timestamp("2026-02-01", tz="UTC") + pd.to_timedelta(np.sort(rng.integers(0, 24 * 48, n)) * 1800, unit="s")
    numbers = [f"{rng.integers(0, 4):04d}{rng.integers(0, 3):05d}" for _ in range(n)]
    secrets = [f"{rng.integers(0, 30):012d}" for _ in range(n)]
    cards = pd.DataFrame(
        {"submission_id": [f"s{i}" for i in range(n)], "submitted_at": at.astype("datetime64[us, UTC]")}
    )
    cards["card_kind"] = "qq"
    cards["submitter_id"] = [f"u{i}" for i in rng.integers(0, 4, n)]
    cards["client_ip"] = [None if rng.random() < 0.1 else f"10.0.0.{i}" for i in rng.integers(0, 5, n)]
    cards["device_id"] = [f"device {i}" for i in rng.integers(0, 6, n)]
    cards["card_no"], cards["card_secret"] = numbers, secrets
    rows = rng.integers(0, n, n)
    answers = pd.DataFrame({"submission_id": cards["submission_id"].to_numpy()[rows]})
    answers["answered_at"] = (at[rows] + pd.to_timedelta(rng.integers(1, 72, n), unit="h")).astype(
        "datetime64[us, UTC]"
    )
    answers["status"] = rng.choice(["success", "failed"], n)
    return cards, answers.sort_values("answered_at", ignore_index=True)


def taken_in(cards):
    """The stream without rotation, and as it is taken in before, during and after the overlap."""
    at = cards["submitted_at"].astype("int64").to_numpy()
    begins = at[0] + 9 * DAY
    part = np.digitize(at, [begins, begins + OVERLAP])
    before, both, after = (cards[part == i] for i in range(3))
    frames = intake(before, key=OLD), intake(both, key=KeyRing(OLD, NEW)), intake(after, key=NEW)
    return intake(cards, key=OLD), frames, part == 2


def same(one, two):
    numbers = FEATURES.names
    np.testing.assert_array_equal(one[numbers].to_numpy(float), two[numbers].to_numpy(float))


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_over_rekeyed_history_equals_one_without_rotation(seed):
    cards, answers = stream(seed)
    plain, (before, both, after), late = taken_in(cards)
    expected = compute(plain, answers, features=FEATURES)[late]
    past = rekey(pd.concat([before, both]))
    found = compute(after, answers, history=(past, None), features=FEATURES)
    assert (expected[["ip_count_7d", "card_count_7d"]].sum() > 0).all()
    same(found, expected)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("said", ["by the journal", "by a translation"])
def test_a_rekeyed_store_equals_one_without_rotation(url, seed, said):
    cards, answers = stream(seed)
    plain, (before, both, after), late = taken_in(cards)
    expected = compute(plain, answers, features=FEATURES)[late]
    words = {}
    if said == "by a translation":
        words, both = translation(both), both.drop(columns=[name for name in both if name.endswith("_next")])
    history, read = LiveHistory(FEATURES, url, ahead=None), []
    switched, first = False, after["submitted_at"].iloc[0].value // 1_000
    for entry in entries_of(pd.concat([before, both, after]), answers):
        if not switched and entry.moment >= first:
            assert history.rekey(words) > 0
            switched = True
        if entry.kind == "answer":
            history.answer(entry.row)
            continue
        row, _ = history.take(entry.row)
        if switched:
            read.append(dict(zip(history._names, row.tolist(), strict=True)))
    same(pd.DataFrame(read), expected)
    assert not any(OLD_ID in str(entry.row) for entry in history.store.since(0) if entry.moment >= first - OVERLAP)
    history.close()


OLD_ID = intake(stream(0)[0].head(1), key=OLD)["card_token"].iloc[0].split(".")[0]


def test_stores_know_every_token_column_by_its_name():
    assert (rekeying.TOKENS, rekeying.NEXT) == (TOKENS, NEXT)


def test_without_the_overlap_the_same_test_would_fail():
    cards, answers = stream(0)
    plain, (before, both, after), late = taken_in(cards)
    expected = compute(plain, answers, features=FEATURES)[late]
    found = compute(after, answers, history=(pd.concat([before, both]), None), features=FEATURES)
    assert not np.array_equal(found["ip_count_7d"], expected["ip_count_7d"], equal_nan=True)
