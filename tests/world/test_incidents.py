"""Named incidents do what the document tells of (C5, C8, C11, C13, C15), each over five seeds."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cardrisk.world import (
    DealerTampering,
    Diversion,
    DoubleSell,
    ExpiredBulk,
    ForgedBatch,
    IssuerOutage,
    RuleChange,
    Scenario,
    VelocityTrip,
    World,
    generate,
)
from cardrisk.world.incidents import Incident

from .conftest import SEEDS, joined

Z = 4.3
SCALE = 0.02


def world_of(incident: Incident, seed: int, days: int = 1, scale: float = SCALE) -> World:
    return generate(days, scale, seed, scenario=Scenario(incidents=(incident,)))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_forged_batch_gets_one_message(seed: int) -> None:
    world = world_of(ForgedBatch(day=0, size=5_000), seed)
    mine = world.truth["incident"].notna()
    cards, truth = world.submissions[mine], world.truth[mine]
    assert len(cards) == 5_000 * SCALE
    assert cards["batch_id"].nunique() == 1
    assert set(cards["card_kind"]) == {"battlenet"}
    assert (truth["cause"] == "forged").all()
    assert truth["p_forged"].min() == 1.0
    answers = world.outcomes[world.outcomes["submission_id"].isin(cards["submission_id"])]
    said = answers[(answers["label_source"] == "gateway") & (answers["status"] == "failed")]
    assert said["gateway_message"].nunique() == 1
    assert set(said["cause"].dropna()) == {"already_used"}
    assert len(said) > 0.8 * len(cards)


@pytest.mark.parametrize("seed", SEEDS)
def test_expired_bulk_makes_a_twenty_percent_day_and_credit_does_not_protect(seed: int) -> None:
    """The day's rate within Z binomial errors, twice as wide for clusters."""
    world = world_of(ExpiredBulk(day=0), seed, scale=0.1)
    frame = joined(world)
    day = frame[frame["channel"] == "ecommerce"]
    slack = 2 * Z * np.sqrt(0.16 / len(day))
    assert abs(day["failed"].mean() - 0.20) <= slack
    bulk, usual = day[day["incident"].notna()], day[day["incident"].isna()]
    assert bulk["submitter_credit_score"].min() >= 800
    assert bulk["failed"].mean() > 0.9
    assert usual["submitter_credit_score"].mean() < bulk["submitter_credit_score"].mean()
    past = bulk["valid_until"] < bulk["submitted_at"].dt.floor("D")
    assert past.mean() < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rule_change_steps_on_its_day_and_only_for_its_kind(seed: int) -> None:
    world = world_of(RuleChange(day=2, days=2, kind="junnet", extra=0.3), seed, days=4)
    frame = joined(world)
    day = (frame["submitted_at"] - frame["submitted_at"].min().floor("D")).dt.days
    after = day >= 2
    mine = frame["card_kind"] == "junnet"
    hit = frame["cause"] == "batch_invalid"
    table = [[hit[mine & a].sum(), (~hit[mine & a]).sum()] for a in (after, ~after)]
    assert stats.fisher_exact(table, "greater").pvalue < 1e-6
    assert 0.2 < hit[mine & after].mean() < 0.35
    assert not hit[~mine & (frame["card_kind"].isin(["qq", "steam"]))].any()
    assert frame["incident"].notna().equals(mine & after)


@pytest.mark.parametrize("seed", SEEDS)
def test_failures_rise_with_the_ip_s_rate_and_the_same_cards_succeed_slowly(seed: int) -> None:
    """C8: the cards are good; what comes again slowly activates, but for causes that cards have anyway."""
    world = world_of(VelocityTrip(day=0, size=20_000), seed)
    frame = joined(world)
    mine = frame[frame["incident"].notna()].sort_values("submitted_at", kind="stable")
    code = mine["card_no"] + mine["card_secret"]
    first, again = mine[~code.duplicated()], mine[code.duplicated()]
    in_batch = first.groupby("batch_id").cumcount()
    slow, fast = first[in_batch < 30], first[in_batch >= 30]
    assert (fast["cause"] == "rate_limited").mean() > 0.5
    assert (slow["cause"] == "rate_limited").mean() < (fast["cause"] == "rate_limited").mean()
    assert len(again) >= 20
    assert (again["cause"] == "rate_limited").sum() == 0
    assert again["failed"].mean() < 0.2
    before = first.set_index(code[first.index]).loc[code[again.index], "cause"]
    good = before.to_numpy() == "rate_limited"
    assert good.mean() > 0.7
    assert (again["cause"].to_numpy()[good] == "ok").mean() > 0.97
    gaps = again.groupby("batch_id")["submitted_at"].diff().dt.total_seconds().dropna()
    assert gaps.median() >= 20


@pytest.mark.parametrize("seed", SEEDS)
def test_out_of_region_always_fails(calm: dict[int, World], seed: int) -> None:
    """C15, and C16: many cards have no region recorded."""
    frame = joined(calm[seed])
    kinds = Scenario().kinds()
    provincial = frame["card_kind"].map({name: kind.provincial for name, kind in kinds.items()})
    labelled = provincial & frame["region_issued"].notna() & frame["region_of_use"].notna()
    away = labelled & (frame["region_issued"] != frame["region_of_use"])
    assert away.sum() > 20
    assert frame.loc[away, "failed"].all()
    assert frame.loc[away, "p_fail"].min() > 0.999999
    assert not (frame.loc[labelled & ~away, "cause"] == "region_mismatch").any()
    assert 0.3 < frame.loc[provincial, "region_issued"].isna().mean() < 0.7
    assert frame.loc[~provincial, "region_issued"].isna().all()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_diversion_is_a_regional_spike(seed: int) -> None:
    world = world_of(Diversion(day=0, size=10_000, region="SC"), seed)
    frame = joined(world)
    mine = frame["incident"].notna()
    used = frame.loc[mine & (frame["cause"] == "region_mismatch"), "region_of_use"].dropna()
    assert set(used) == {"SC"}
    assert (frame.loc[mine, "cause"] == "region_mismatch").mean() > 0.7


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_cards_are_sold_twice(seed: int) -> None:
    world = world_of(DoubleSell(day=0, size=10_000), seed, days=2)
    frame = joined(world)
    mine = frame[frame["incident"].notna()]
    code = mine["card_no"].fillna("") + mine["card_secret"]
    day = mine["submitted_at"].dt.date
    first, second = mine[day == day.min()], mine[day == day.max()]
    assert len(first) == len(second) == 5_000 * SCALE
    same = code[second.index].isin(code[first.index])
    spoilt = (first["cause"] == "mistyped").sum() + (second["cause"] == "mistyped").sum()
    assert (~same).sum() <= spoilt
    assert first["failed"].mean() < 0.3
    assert second["cause"].isin(["already_used", "mistyped", "expired", "forged"]).all()
    assert not set(second["submitter_id"]) & set(first["submitter_id"])


@pytest.mark.parametrize("seed", SEEDS)
def test_an_outage_and_a_tampering_dealer_stay_in_their_place(seed: int) -> None:
    outage = joined(world_of(IssuerOutage(day=0, kind="qq", hour=4.0, hours=6.0, chance=1.0), seed))
    mine = outage["incident"].notna()
    assert set(outage.loc[mine, "card_kind"]) == {"qq"}
    assert set(outage.loc[mine, "submitted_at"].dt.hour) <= set(range(4, 10))
    assert outage.loc[mine, "failed"].all()
    assert (outage.loc[mine, "cause"] == "issuer_busy").mean() > 0.6
    tampering = joined(world_of(DealerTampering(day=0, size=10_000), seed))
    shops = tampering[tampering["incident"].notna()]
    assert shops["dealer_id"].nunique() == 1
    assert set(shops["channel"]) == {"offline"}
    assert 0.5 < (shops["cause"] == "already_used").mean() < 0.8


def test_an_incident_changes_no_card_outside_it() -> None:
    with_it = generate(2, SCALE, 7, scenario=Scenario(incidents=(ForgedBatch(day=1),)))
    without = generate(2, SCALE, 7, scenario=Scenario(incidents=()))
    usual = with_it.truth["incident"].isna().to_numpy()
    for name in ("submissions", "truth"):
        kept = getattr(with_it, name)[usual].reset_index(drop=True)
        pd.testing.assert_frame_equal(kept, getattr(without, name))


def test_incidents_come_again() -> None:
    incident = ForgedBatch(day=3, days=2, every=10)
    assert [day for day in range(30) if incident.occurrence(day)] == [3, 4, 13, 14, 23, 24]
    assert incident.occurrence(14) == (1, 1)
    assert incident.occurrence(2) is None


def test_sizes_follow_the_scale_and_split_over_days_exactly() -> None:
    incident = Diversion(day=0, days=3, size=1_000)
    assert sum(incident.cards_today(0.1, inside) for inside in range(3)) == 100
    assert sum(incident.cards_today(1e-6, inside) for inside in range(3)) == 5
