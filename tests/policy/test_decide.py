"""The action taken is the one of least expected loss, computed the slow way."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import InputError
from cardrisk.facts import CAUSES, RETRYABLE
from cardrisk.policy import ACTIONS, STOPPED, Costs, decide


def slow_loss(action: str, p: dict[str, float], price: float, margin: float, costs: Costs) -> float:
    """The formula of the module, term by term."""
    mends, stops = costs.mends.get(action, {}), costs.stops.get(action, {})
    sound = 1 - sum(p.values()) + sum(p[c] for c in RETRYABLE)
    blamed = [c for c in CAUSES if c not in RETRYABLE]
    paid = price * sum(p[c] * (1 - mends.get(c, 0) - stops.get(c, 0)) * costs.loss.get(c, 1) for c in CAUSES)
    could = sum(p[c] * max(row.get(c, 0) for row in costs.mends.values()) for c in blamed)
    earned = (1 - costs.leaves.get(action, 0)) * (sound + sum(p[c] * mends.get(c, 0) for c in blamed))
    return getattr(costs, action, 0.0) + paid + margin * (sound + could - earned)


def cards(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    p_fail = rng.beta(0.3, 1.0, n)
    shares = rng.dirichlet(np.full(len(CAUSES), 0.1), n)
    p = pd.DataFrame({f"p_{c}": p_fail * shares[:, i] for i, c in enumerate(CAUSES)})
    p.insert(0, "p_fail", p_fail)
    face = rng.choice([10.0, 50.0, 100.0, 500.0, np.nan], n)
    asked = np.where(rng.random(n) < 0.3, np.nan, face * 0.85)
    ids = [f"s{i}" for i in range(n)]
    return p, pd.DataFrame({"submission_id": ids, "face_value": face, "asking_price": asked})


def test_the_action_has_the_least_expected_loss() -> None:
    p, c = cards(2_000, np.random.default_rng(1))
    costs = Costs()
    got = decide(p, c, costs=costs)
    for i in range(len(p)):
        row = {cause: p[f"p_{cause}"][i] for cause in CAUSES}
        face = costs.face_value if np.isnan(c.face_value[i]) else c.face_value[i]
        price = costs.price * face if np.isnan(c.asking_price[i]) else c.asking_price[i]
        losses = {a: slow_loss(a, row, price, costs.margin * face, costs) for a in ACTIONS}
        assert got.expected_loss[i] == pytest.approx(min(losses.values()), rel=1e-9)
        assert losses[got.decision[i]] == pytest.approx(min(losses.values()), rel=1e-9)
    assert set(got.decision) == set(ACTIONS), "a world of all causes uses every action"


def test_one_card_and_many_give_the_same_bits() -> None:
    p, c = cards(200, np.random.default_rng(2))
    whole = decide(p, c)
    single = pd.concat([decide(p.iloc[[i]], c.iloc[[i]]) for i in range(len(p))])
    pd.testing.assert_frame_equal(whole, single, check_exact=True)


def test_an_unknown_probability_is_held_and_never_let_through() -> None:
    p, c = cards(50, np.random.default_rng(3))
    p.loc[:, :] = np.nan
    got = decide(p, c, costs=Costs(explore=1.0))
    assert (got.decision == "hold").all()
    assert got.expected_loss.isna().all()
    assert (got.propensity == 0).all()


def test_unknown_causes_fail_in_the_documents_shares_and_are_never_waved_through() -> None:
    p, c = cards(3, np.random.default_rng(6))
    p.loc[:, [f"p_{cause}" for cause in CAUSES]] = np.nan
    p["p_fail"] = [0.9, 0.5, 0.001]
    got = decide(p, c)
    assert (got.decision[:2] != "accept").all()
    assert got.decision[2] == "accept"
    assert got.expected_loss.notna().all()


def test_retryable_causes_lead_to_waiting_not_to_blame() -> None:
    p, c = cards(1, np.random.default_rng(4))
    for cause in RETRYABLE:
        p.loc[0, :] = 0.0
        p.loc[0, ["p_fail", f"p_{cause}"]] = 0.9
        assert decide(p, c).decision[0] == "wait"


def test_exploring_lets_through_its_share_within_its_limit_and_records_it() -> None:
    p, c = cards(20_000, np.random.default_rng(5))
    plain = decide(p, c)
    explored = decide(p, c, costs=Costs(explore=0.1, explore_limit=60.0))
    stopped = plain.decision.isin(STOPPED)
    price = c.asking_price.fillna(0.88 * c.face_value.fillna(100.0))
    may = stopped & (price <= 60.0)
    moved = explored.decision != plain.decision
    assert not (moved & ~may).any()
    assert (explored.propensity[may] == 0.1).all()
    # 5 standard errors: one false alarm in 1.7 million seeds
    assert moved[may].mean() == pytest.approx(0.1, abs=5 * np.sqrt(0.09 / may.sum()))
    pd.testing.assert_frame_equal(explored, decide(p, c, costs=Costs(explore=0.1, explore_limit=60.0)))


def test_every_action_has_an_effect_only_where_it_names_one() -> None:
    costs = Costs()
    assert (costs.mended()[ACTIONS.index("accept")] == 0).all()
    assert (costs.stopped()[ACTIONS.index("reject")] == 1).all()
    assert Costs.from_dict(costs.to_dict()) == costs


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ({"margin": -0.1}, "margin: expected a finite number from 0 to 1, got -0.1"),
        ({"review": float("nan")}, "review: expected a finite number"),
        ({"leaves": {"shrug": 0.1}}, "leaves: expected a name among"),
        ({"loss": {"forged": 1.5}}, r"loss\['forged'\]: expected a finite number from 0 to 1, got 1.5"),
        ({"mends": {"shrug": {}}}, "mends: expected an action among"),
        ({"face_value": "100"}, "face_value: expected a finite number from 0 to inf, got '100'"),
        ({"review": None}, "review: expected a finite number from 0 to inf, got None"),
        ({"wait": 10**400}, "wait: expected a finite number"),
        ({"loss": {"forged": "all"}}, r"loss\['forged'\]: expected a finite number from 0 to 1, got 'all'"),
        ({"loss": 0.5}, "loss: expected a mapping by name, got float"),
        ({"stops": {"review": None}}, r"stops\['review'\]: expected a mapping by name, got NoneType"),
        ({"mends": {"review": {"forged": 0.5}}}, "mends \\+ stops at most 1"),
    ],
)
def test_impossible_costs_are_refused(bad: dict, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Costs(**bad)


def test_whole_numbers_are_costs_too_and_are_kept_apart_from_what_was_handed_in() -> None:
    loss = {"forged": 1}
    costs = Costs(review=3, face_value=np.float32(100), wait=np.int64(2), margin=0, loss=loss)
    loss["forged"] = 0
    assert costs.loss == {"forged": 1.0}
    told = costs.to_dict()
    assert {name: told[name] for name in ("review", "face_value", "wait", "margin")} == {
        "review": 3.0,
        "face_value": 100.0,
        "wait": 2.0,
        "margin": 0.0,
    }
    assert Costs.from_dict(told) == costs


def test_an_unknown_cost_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="got \\['tax'\\]"):
        Costs.from_dict({"tax": 1.0})
