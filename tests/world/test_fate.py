"""The ceiling is calibrated, and sums up."""

import numpy as np
import pytest
from scipy import stats

from cardrisk import facts
from cardrisk.world import World

from .conftest import SEEDS

BINS = 20
ALPHA = 0.001
"""Chance of one false alarm over all bins, seeds and causes together (Bonferroni)."""


def outside(chances: np.ndarray, happened: np.ndarray, tests: int) -> list[tuple[float, float, int]]:
    """Bins whose count of events is outside the exact interval of the sum of their chances.

    Events of different chances in a bin vary less than a binomial of their mean chance, so the binomial's interval
    is on the safe side.
    """
    edges = np.linspace(0.0, 1.0, BINS + 1)
    where = np.clip(np.digitize(chances, edges) - 1, 0, BINS - 1)
    found = []
    for index in range(BINS):
        here = where == index
        if not here.any():
            continue
        count, mean = int(here.sum()), float(np.clip(chances[here].mean(), 1e-12, 1 - 1e-12))
        level = ALPHA / (tests * BINS) / 2
        low, high = stats.binom.ppf([level, 1 - level], count, mean)
        if not low <= happened[here].sum() <= high:
            found.append((mean, happened[here].mean(), count))
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_p_fail_is_calibrated_in_twenty_bins(calm: dict[int, World], seed: int) -> None:
    truth = calm[seed].truth
    assert outside(truth["p_fail"].to_numpy(), (truth["cause"] != "ok").to_numpy(), len(SEEDS)) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_each_cause_s_chance_is_calibrated(calm: dict[int, World], seed: int) -> None:
    truth = calm[seed].truth
    for cause in facts.CAUSES:
        chances = truth[f"p_{cause}"].to_numpy()
        happened = (truth["cause"] == cause).to_numpy()
        assert outside(chances, happened, len(SEEDS) * len(facts.CAUSES)) == [], cause


@pytest.mark.parametrize("column", ["channel", "card_kind", "entry_method", "medium", "region_issued"])
def test_p_fail_is_calibrated_within_every_category(calm: dict[int, World], column: str) -> None:
    """Given what the row shows: so the mean chance equals the rate in every category, null included."""
    for seed in SEEDS:
        world = calm[seed]
        values = world.submissions[column].fillna("null")
        chances, failed = world.truth["p_fail"], world.truth["cause"] != "ok"
        for name, rows in values.groupby(values).groups.items():
            spread = np.sqrt((chances[rows] * (1 - chances[rows])).sum())
            assert abs((failed[rows] - chances[rows]).sum()) <= 5.2 * spread + 3, (seed, name)


def test_calibration_holds_on_the_default_scenario_and_on_its_incidents(default: World) -> None:
    truth = default.truth
    failed = (truth["cause"] != "ok").to_numpy()
    assert outside(truth["p_fail"].to_numpy(), failed, 2) == []
    inside = truth["incident"].notna().to_numpy()
    assert inside.any()
    assert outside(truth["p_fail"].to_numpy()[inside], failed[inside], 2) == []


def test_calibration_holds_on_the_raw_stream(raw: dict[int, World]) -> None:
    for world in raw.values():
        truth = world.truth
        assert outside(truth["p_fail"].to_numpy(), (truth["cause"] != "ok").to_numpy(), len(raw)) == []


def test_chances_are_joint(default: World) -> None:
    truth = default.truth
    parts = truth[[f"p_{cause}" for cause in facts.CAUSES]].to_numpy()
    assert (parts >= 0).all()
    assert (truth["p_fail"] <= 1.0).all()
    assert np.abs(parts.sum(axis=1) - truth["p_fail"].to_numpy()).max() < 1e-7
    assert (truth["p_bad_format"] == 0.0).all()
    assert set(truth["cause"]) <= {"ok", *facts.CAUSES} - {"bad_format"}


def test_what_the_row_makes_certain_is_certain(default: World) -> None:
    cards, truth = default.submissions, default.truth
    bound = cards["account_bound"].fillna(False).to_numpy(dtype=bool)
    past = (cards["valid_until"] < cards["submitted_at"].dt.floor("D")).to_numpy()
    for sure in (bound, past):
        assert sure.any()
        assert truth.loc[sure, "p_fail"].min() > 0.999999
        assert (truth.loc[sure, "cause"] != "ok").all()
