"""What the policy stopped has no answer: its recorded chances of letting cards through undo the selection."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.facts import CAUSES
from cardrisk.policy import Costs, decide
from cardrisk.risk import train
from cardrisk.risk.material import weights

from .tables_for_risk import KEY, answers, cards

EXPLORE = 0.2


@pytest.fixture(scope="module")
def stopped():
    """Cards decided by an old model that explores: all outcomes, the let-through ones' ids, and the decisions."""
    submissions = cards(6_000, seed=3)
    outcomes = answers(submissions, wait="1h", seed=3)
    risky = (submissions["face_value"] > 150) | submissions["store_id"].isin(["m1", "m2", "m3"])
    p_fail = np.where(risky, 0.9, 0.01)
    old = pd.DataFrame({"p_fail": p_fail, "p_forged": p_fail}, index=submissions.index)
    for name in (f"p_{cause}" for cause in CAUSES):
        old[name] = old.get(name, 0.0)
    decided = decide(old, submissions, costs=Costs(explore=EXPLORE, explore_limit=1e9))
    return submissions, outcomes, decided


def test_chances_recorded_by_the_policy_give_back_the_true_rate(stopped):
    """The weighted rate of what came through is that of all cards, within four standard errors (6e-5)."""
    submissions, outcomes, decided = stopped
    through = (decided["decision"] == "accept").to_numpy()
    share = through[decided["propensity"] == EXPLORE].mean()
    count = (decided["propensity"] == EXPLORE).sum()
    assert count > 1_000
    assert abs(share - EXPLORE) < 4 * np.sqrt(EXPLORE * (1 - EXPLORE) / count)
    failed = (outcomes["status"] == "failed").to_numpy(float)
    propensity = decided["propensity"].set_axis(submissions["submission_id"])
    weight = weights(submissions["submission_id"][through], propensity)
    corrected = np.average(failed[through], weights=weight)
    error = np.sqrt((weight**2 * (failed[through] - corrected) ** 2).sum()) / weight.sum()
    assert abs(corrected - failed.mean()) < 4 * error
    assert failed[through].mean() < failed.mean() - 4 * error


def test_training_takes_the_recorded_chances_as_they_are(stopped):
    submissions, outcomes, decided = stopped
    through = (decided["decision"] == "accept").to_numpy()
    propensity = decided["propensity"].set_axis(submissions["submission_id"])
    model = train(
        submissions, outcomes[through], key=KEY, threads=1, params={"rounds": 10}, propensity=propensity
    )  # fmt: skip
    assert model.about["cards"]["labelled"] == through.sum()
