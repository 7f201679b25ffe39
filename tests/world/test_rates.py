"""Rates per channel and cause (C1-C4, C12, C14) and what screening leaves.

Tolerances: failures come in clusters (a lot, a submitter, a shop), so a rate's standard error is taken from the
spread of the failures per submitter or bad lot, not per card: sqrt(sum over clusters of (failed - rate * cards)^2)
/ cards. Every comparison allows Z such errors; over about 60 comparisons the chance of one false alarm is 60 times
the two-sided tail of Z = 4.3, about 1 in 1,000.
"""

import numpy as np
import pandas as pd
import pytest

from cardrisk import facts
from cardrisk.world import World
from cardrisk.world.rates import Rates
from cardrisk.world.scenario import Scenario

from .conftest import SEEDS, joined

Z = 4.3


def error(frame: pd.DataFrame, hit: pd.Series) -> float:
    """Standard error of a rate: the largest over the clusters that failures may come in."""
    away = (hit - hit.mean()).to_numpy()
    sums = [np.bincount(frame[name], weights=away) for name in ("lot", "submitter", "holder")]
    return max(float(np.sqrt((part**2).sum())) for part in sums) / len(frame)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_channel_fails_inside_its_band_and_they_keep_their_order(calm: dict[int, World], seed: int) -> None:
    frame = joined(calm[seed])
    rates = {}
    for name, rows in frame.groupby("channel"):
        low, high = facts.CHANNELS[str(name)].failure_band
        rates[str(name)] = rows["failed"].mean()
        assert low <= rates[str(name)] <= high, (name, rates[str(name)])
    assert rates["ecommerce"] > rates["vertical"] > rates["offline"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_single_day_lies_in_the_band_widened_by_its_interval(calm: dict[int, World], seed: int) -> None:
    frame = joined(calm[seed])
    for (name, _), rows in frame.groupby(["channel", frame["submitted_at"].dt.date]):
        low, high = facts.CHANNELS[str(name)].failure_band
        slack = Z * error(rows, rows["failed"].astype(float))
        assert low - slack <= rows["failed"].mean() <= high + slack


@pytest.mark.parametrize("seed", SEEDS)
def test_volumes_are_the_document_s(calm: dict[int, World], scale: float, seed: int) -> None:
    """Cards come in batches, so a count's error is the root of the sum of squared batch sizes."""
    frame = calm[seed].submissions
    batch = frame["batch_id"].fillna(frame["submission_id"])
    for name, sizes in batch.groupby(frame["channel"]):
        asked = facts.CHANNELS[str(name)].daily * 28 * scale
        assert abs(len(sizes) - asked) <= Z * np.sqrt((sizes.value_counts() ** 2).sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_mistyping_is_over_three_tenths_of_failures_and_commonest_offline(calm: dict[int, World], seed: int) -> None:
    frame = joined(calm[seed])
    failed = frame[frame["failed"]]
    mistyped = (failed["cause"] == "mistyped").astype(float)
    assert mistyped.mean() > 0.30 - Z * error(failed, mistyped)
    per_channel = (frame["cause"] == "mistyped").groupby(frame["channel"]).mean()
    assert per_channel.idxmax() == "offline"


def test_over_all_seeds_mistyping_is_over_three_tenths(calm: dict[int, World]) -> None:
    """Seeds are independent: their errors add in squares."""
    failed = [frame[frame["failed"]] for frame in map(joined, calm.values())]
    hits = [(frame["cause"] == "mistyped").astype(float) for frame in failed]
    weights = np.array([len(frame) for frame in failed]) / sum(map(len, failed))
    errors = np.array([error(frame, hit) for frame, hit in zip(failed, hits, strict=True)])
    share = float(np.dot(weights, [hit.mean() for hit in hits]))
    assert share > 0.30 - Z * float(np.sqrt(((weights * errors) ** 2).sum()))
    assert share > 0.28


@pytest.mark.parametrize("seed", SEEDS)
def test_forgery_is_the_largest_supply_side_cause_and_sold_cheap(calm: dict[int, World], seed: int) -> None:
    frame = joined(calm[seed])
    counts = frame["cause"].value_counts()
    assert counts.drop(["ok", "mistyped"]).idxmax() == "forged"
    families = {name: kind.family for name, kind in Scenario().kinds().items()}
    games = frame.loc[frame["cause"] == "forged", "card_kind"].map(families) == "game"
    assert games.mean() > 0.5
    price = frame["asking_price"] / frame["face_value"]
    few = frame.groupby("card_kind")["cause"].transform(lambda cause: (cause == "forged").sum()) >= 5
    gap = (
        price[few & (frame["cause"] == "ok")].groupby(frame["card_kind"]).mean()
        - price[few & (frame["cause"] == "forged")].groupby(frame["card_kind"]).mean()
    )
    assert gap.median() > 0.03
    forged_share = (frame["cause"] == "forged").groupby(pd.qcut(price, 5, duplicates="drop"), observed=True).mean()
    assert forged_share.iloc[0] > 2.0 * forged_share.iloc[-1]


def test_causes_have_the_shares_asked_for(calm: dict[int, World]) -> None:
    """Over all seeds together, each share within a quarter of itself and a percentage point."""
    frame = pd.concat([world.truth["cause"] for world in calm.values()])
    shares = frame[frame != "ok"].value_counts(normalize=True)
    asked = dict(facts.CAUSE_SHARES.value)
    bound = asked.pop("bound_or_part_spent")
    asked |= {"bound": bound}
    got = shares.to_dict()
    got["bound"] = sum(got.pop(name, 0.0) for name in ("bound_to_account", "insufficient_balance", "not_activated"))
    for name, share in asked.items():
        assert got[name] == pytest.approx(share, rel=0.25, abs=0.01), name


@pytest.mark.parametrize("seed", SEEDS)
def test_screening_takes_the_raw_stream_into_the_bands(raw: dict[int, World], seed: int) -> None:
    """C6: before it vertical fails at 22-31 %; what it stops is 60-80 % of the bad and at most 30 % of all."""
    frame = joined(raw[seed])
    vertical = frame[frame["channel"] == "vertical"]["failed"]
    slack = Z * error(frame[frame["channel"] == "vertical"], vertical.astype(float))
    assert 0.22 - slack <= vertical.mean() <= 0.31 + slack


@pytest.mark.parametrize("seed", SEEDS)
def test_vertical_s_screening_stops_seven_tenths_of_the_bad(calm: dict[int, World], seed: int) -> None:
    world = calm[seed]
    passed = joined(world)
    passed = passed[passed["channel"] == "vertical"]
    stopped = world.stopped[world.stopped["channel"] == "vertical"]
    bad_stopped, bad_passed = (stopped["cause"] != "ok").sum(), passed["failed"].sum()
    assert 0.60 <= bad_stopped / (bad_stopped + bad_passed) <= 0.80
    assert 0.15 <= len(stopped) / (len(stopped) + len(passed)) <= 0.30


def test_the_default_rates_satisfy_every_band() -> None:
    rates = Rates(Scenario().cause_rates, Scenario().screening_stops)
    raw = rates.raw.sum(axis=1)
    assert 0.22 <= raw[list(facts.CHANNELS).index("vertical")] <= 0.31
    for name, channel in facts.CHANNELS.items():
        assert channel.failure_band[0] < sum(rates.causes[name].values()) < channel.failure_band[1]


def test_default_rates_add_up_to_the_cause_shares_at_the_document_s_volumes() -> None:
    total: dict[str, float] = {}
    for name, channel in facts.CHANNELS.items():
        for cause, rate in facts.CAUSE_RATES.value[name].items():
            total[cause] = total.get(cause, 0.0) + rate * channel.daily
    total["bound_or_part_spent"] = sum(
        total.pop(name) for name in ("bound_to_account", "insufficient_balance", "not_activated")
    )
    whole = sum(total.values())
    for cause, share in facts.CAUSE_SHARES.value.items():
        assert total[cause] / whole == pytest.approx(share, abs=0.005), cause
