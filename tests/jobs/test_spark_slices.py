"""A hot entity cut by time: slices answer with the bits of the whole, over silences, gaps, revisions and lifetimes."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.features import FEATURES
from cardrisk.features.arrays import DAY
from cardrisk.features.parts import answers_for, compute_part, events_for, events_of, outcomes_of, part_plan, settled
from cardrisk.jobs.spark.slices import BEGINNING, Slice, cut_by_time, reach_of, slices_of


def history(rng: np.random.Generator, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cards over about a year with silences of days and months, answers late, revised and for old cards."""
    steps = rng.choice([0.0, 0.02, 0.4, 1.1, 30.0, 89.9, 90.1], rows, p=[0.2, 0.4, 0.3, 0.085, 0.005, 0.005, 0.005])
    moment = pd.Timestamp("2025-01-05", tz="UTC") + pd.to_timedelta(np.cumsum(steps) + rng.random(rows) / 50, unit="D")
    pick = lambda name, many: pd.Series([f"{name}{i}" for i in rng.integers(0, many, rows)], dtype="str")  # noqa: E731
    cards = pd.DataFrame(
        {
            "submission_id": [f"s{i}" for i in range(rows)],
            "submitted_at": moment.round("us"),
            "channel": pick("c", 2),
            "card_kind": pick("k", 2),
            "region_issued": pick("r", 2),
            "region_of_use": pick("r", 2),
            "submitter_id": pick("u", 2),
            "supplier_id": pick("p", 2),
            "ip_token": pick("i", 2),
            "device_token": pick("d", 2),
            "face_value": rng.integers(1, 3, rows) * 50.0,
            "asking_price": rng.integers(20, 90, rows).astype(float),
        }
    )
    about = rng.integers(0, rows, 2 * rows)
    delay = rng.choice([0.01, 3.0, 29.0, 60.0, 89.0, 91.0], 2 * rows)
    answers = pd.DataFrame(
        {
            "submission_id": cards["submission_id"].to_numpy()[about],
            "answered_at": (cards["submitted_at"].array[about] + pd.to_timedelta(delay, unit="D")).round("us"),
            "status": rng.choice(["success", "failed", "partial", "unknown"], 2 * rows),
            "cause": rng.choice(["forged", "mistyped", "expired"], 2 * rows),
            "gateway_message": rng.choice(["a", "b"], 2 * rows),
        }
    )
    return cards, answers


@pytest.mark.parametrize("count", [2, 5])
def test_slices_answer_with_the_bits_of_the_whole(count, full_or) -> None:
    plan = part_plan(FEATURES)
    for seed in range(full_or(100, 3)):
        rng = np.random.default_rng(seed)
        cards, outcomes = history(rng, 500)
        events = events_of(cards, np.arange(len(cards)), FEATURES, asks=True)
        events["asks"] = (np.arange(len(cards)) >= 150).astype(np.int64)
        events["flag resubmitted"] = rng.integers(0, 2, len(cards))
        told = outcomes_of(outcomes, np.arange(len(outcomes)), FEATURES)
        ids = pd.DataFrame({"id": cards["submission_id"], "seq": events["seq"], "time": events["time"]})
        _, answers = settled(ids, told)
        days, asking = np.unique(events.loc[events["asks"] == 1, "time"].to_numpy() // DAY, return_counts=True)
        cut = slices_of(days, asking, count, 7)
        assert [one.task for one in cut] == list(range(7, 7 + len(cut)))
        for part in plan.parts:
            mine = events_for(part, events)
            about = answers_for(part, answers, mine)
            if not len(mine):
                continue
            whole = pd.DataFrame(compute_part(part, mine, about)).sort_values("seq", ignore_index=True)
            found = [
                pd.DataFrame(compute_part(part, some, known)) for _, some, known in cut_by_time(part, mine, about, cut)
            ]
            together = pd.concat(found).sort_values("seq", ignore_index=True)
            pd.testing.assert_frame_equal(together, whole, check_exact=True)


def test_a_slice_of_windows_that_end_leaves_most_of_the_past_behind() -> None:
    rng = np.random.default_rng(1)
    cards, _ = history(rng, 2_000)
    events = events_of(cards, np.arange(len(cards)), FEATURES, asks=True)
    (part,) = (part for part in part_plan(FEATURES).parts if part.key.name == "channel")
    assert reach_of(part) == 7 * DAY
    mine = events_for(part, events)
    half = int(np.median(events["time"])) // DAY * DAY
    none = answers_for(part, pd.DataFrame({n: np.empty(0, np.int64) for n in ANSWERS}), mine)
    slices = [Slice(BEGINNING, half, 0), Slice(half, 2**62, 1)]
    sizes = [len(some) for _, some, _ in cut_by_time(part, mine, none, slices)]
    assert 1_000 < sizes[1] < 1_700
    everybody = next(p for p in part_plan(FEATURES).parts if p.key.name == "submitter")
    assert reach_of(everybody) is None


ANSWERS = ("seq", "rank", "time", "until", "known", "failed", "is cause", "is gateway_message")


def test_slices_answer_for_about_as_many_rows_each() -> None:
    days, asking = np.arange(100, 140), np.full(40, 25)
    cut = slices_of(days, asking, 8, 0)
    assert len(cut) == 8
    assert [one.stop for one in cut[:-1]] == [one.first for one in cut[1:]]
    assert {(one.stop - one.first) // DAY for one in cut[1:-1]} == {5}
    assert len(slices_of(days[:1], asking[:1], 8, 0)) == 1
    assert len(slices_of(days[:0], asking[:0], 8, 0)) == 1
