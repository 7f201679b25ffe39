"""Learnable yet hard: history tells, the oracle tells more, row facts alone tell little; nothing gives itself away."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import OneHotEncoder

from cardrisk.world import Scenario, World, generate

from .conftest import SEEDS, joined
from .history import broken, frame


def ap(failed: np.ndarray, score: np.ndarray) -> float:
    return float(average_precision_score(failed, score))


@pytest.fixture(scope="module")
def scored(full_or: Callable[[int, int], int]) -> pd.DataFrame:
    """The default stream's last quarter with the scores of three observers, none of whom saw it."""
    import lightgbm

    days = full_or(30, 20)
    world = generate(days, full_or(5, 1) / 100.0, 7)
    cards = joined(world)
    features = frame(world.submissions, world.outcomes)
    day = (cards["submitted_at"] - cards["submitted_at"].min().floor("D")).dt.days
    # but for disputes, answers to the past are known when the last quarter begins
    past, future = ((day >= 4) & (day < 0.70 * days)).to_numpy(), (day >= 0.75 * days).to_numpy()
    simple = cards[["channel", "card_kind"]].astype(str)
    hot = OneHotEncoder(handle_unknown="ignore").fit(simple[past])
    credit = cards["submitter_credit_score"].fillna(650).to_numpy()[:, None] / 100.0 - 6.5
    logistic = LogisticRegression(max_iter=500)
    logistic.fit(np.hstack([hot.transform(simple[past]).toarray(), credit[past]]), cards["failed"][past])
    trees = lightgbm.LGBMClassifier(
        n_estimators=120, learning_rate=0.08, num_leaves=31, min_child_samples=40, n_jobs=1, verbose=-1, seed=1
    )
    trees.fit(features[past], cards["failed"][past])
    return pd.DataFrame(
        {
            "failed": cards["failed"][future].to_numpy(),
            "cause": cards["cause"][future].to_numpy(),
            "oracle": cards["p_fail"][future].to_numpy(),
            "trees": trees.predict_proba(features[future])[:, 1],
            "logistic": logistic.predict_proba(np.hstack([hot.transform(simple[future]).toarray(), credit[future]]))[
                :, 1
            ],
            "day": day[future].to_numpy(),
        }
    )


def test_observers_stand_in_order(scored: pd.DataFrame) -> None:
    failed = scored["failed"].to_numpy()
    base = failed.mean()
    logistic, trees, oracle = (ap(failed, scored[name].to_numpy()) for name in ("logistic", "trees", "oracle"))
    assert base < logistic < base + 0.10
    assert oracle > base + 0.5
    assert logistic + 0.1 < trees < oracle
    assert trees > 0.75 * oracle


def test_shuffled_answers_teach_nothing(scored: pd.DataFrame) -> None:
    shuffled = np.random.default_rng(1).permutation(scored["failed"].to_numpy())
    assert ap(shuffled, scored["oracle"].to_numpy()) == pytest.approx(shuffled.mean(), abs=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_shape_says_nothing_about_expired_cards(calm: dict[int, World], seed: int) -> None:
    """AUC .5 within 4.5 standard errors (Hanley and McNeil at .5), among cards that expire and are not mistyped."""
    kinds = {name for name, kind in Scenario().kinds().items() if kind.expires}
    cards = joined(calm[seed])
    cards = cards[cards["card_kind"].isin(kinds) & cards["cause"].isin(["ok", "expired"])].reset_index(drop=True)
    text = cards["card_no"].fillna("") + cards["card_secret"]
    within = text.str.len() - text.str.len().groupby(cards["card_kind"]).transform("mean")
    digits = text.str.count("[13579]") - text.str.count("[13579]").groupby(cards["card_kind"]).transform("mean")
    assert not broken(cards).any()
    expired = (cards["cause"] == "expired").to_numpy()
    # lots share digits: the error counts lots, not cards
    lots = cards.loc[expired, "card_no"].fillna(cards["submitter_id"]).str[:-4].nunique()
    for score in (within, digits):
        slack = 4.5 * np.sqrt(1 / (12 * max(5, lots)))
        assert abs(roc_auc_score(expired, score) - 0.5) < slack


def test_no_column_and_no_pair_gives_a_cause_away(calm: dict[int, World]) -> None:
    """Nothing does but out of region, past expiry, bound, and broken shape. Ids left out; every submitter has one
    vote in a cell, and cells of 30 submitters or more count: one ring alone would fill a small one.
    """
    cards = pd.concat([joined(calm[seed]) for seed in SEEDS[:3]]).reset_index(drop=True)
    away = cards["region_issued"].notna() & cards["region_of_use"].notna()
    away &= cards["region_issued"] != cards["region_of_use"]
    past = cards["valid_until"] < cards["submitted_at"].dt.floor("D")
    told = away | past | cards["account_bound"].fillna(False).astype(bool) | broken(cards)
    rest = cards[~told.to_numpy()].assign(submitter=pd.factorize(cards["submitter_id"])[0][~told.to_numpy()])
    price = (rest["asking_price"] / rest["face_value"]).round(2).clip(0.7, 1.0)
    columns = {
        name: rest[name].astype(str)
        for name in ("channel", "card_kind", "entry_method", "medium", "region_issued", "face_value")
    }
    columns |= {
        "price": price.astype(str),
        "photo": rest["photo_quality"].round(1).astype(str),
        "hour": rest["submitted_at"].dt.hour.astype(str),
        "credit": (rest["submitter_credit_score"] // 50).astype(str),
        "expiry": rest["valid_until"].notna().astype(str),
        "bound": rest["account_bound"].astype(str),
        "tenure": np.log2((rest["submitted_at"] - rest["submitter_registered_at"]).dt.days + 1).round().astype(str),
    }
    codes = {name: pd.factorize(column)[0].astype(np.int64) for name, column in columns.items()}
    failed, submitter = rest["failed"].to_numpy(dtype=float), rest["submitter"].to_numpy()
    for one, other in [*((name, name) for name in columns), *combinations(columns, 2)]:
        cell = codes[one] * 10_000 + codes[other]
        _, at, votes = np.unique(cell * 10**6 + submitter, return_index=True, return_inverse=True)
        share = np.bincount(votes, weights=failed) / np.bincount(votes)
        _, where = np.unique(cell[at], return_inverse=True)
        count = np.bincount(where)
        mean = np.bincount(where, weights=share) / count
        assert mean[count >= 30].max() < 0.8, (one, other)


@pytest.mark.parametrize("seed", SEEDS)
def test_columns_that_must_not_know_each_other_do_not(calm: dict[int, World], seed: int) -> None:
    """Rank correlations of card-level draws, each below 5 / sqrt(cards): 30 tests, one false alarm in 60,000."""
    cards = joined(calm[seed])
    good = cards[cards["cause"] == "ok"]
    secret = good["card_secret"].str[-2:].map(lambda text: sum(map(ord, text)))
    second = good["submitted_at"].dt.microsecond
    face = good["face_value"]
    pairs = {
        "secret-second": (secret, second),
        "secret-face": (secret.groupby(good["card_kind"]).rank(pct=True), face.groupby(good["card_kind"]).rank()),
        "photo-secret": (good["photo_quality"].dropna(), secret[good["photo_quality"].notna()]),
        "photo-face": (good["photo_quality"].dropna(), face[good["photo_quality"].notna()]),
        "label-second": (good["region_issued"].notna().astype(int), second),
        "secret-credit": (secret[good["submitter_credit_score"].notna()], good["submitter_credit_score"].dropna()),
    }
    for name, (one, other) in pairs.items():
        rho = stats.spearmanr(one.to_numpy(), other.to_numpy()).statistic
        # cards of one submitter share their moment and credit: count batches, of some five cards
        assert abs(rho) < 5 / np.sqrt(len(one) / 6), name


def test_each_knob_moves_only_what_it_names() -> None:
    """Five times one cause at one channel: its rate follows there; no other moves by more than its noise."""
    base = Scenario(incidents=())
    rates = base.cause_rates
    more = Scenario(
        incidents=(),
        cause_rates=rates | {"offline": rates["offline"] | {"wrong_face_value": 0.0125}},
    )
    one, other = (joined(generate(8, 0.05, 7, scenario=scenario)) for scenario in (base, more))
    for name in ("ecommerce", "vertical"):
        left, right = (rows[rows["channel"] == name]["cause"].value_counts().sort_index() for rows in (one, other))
        assert ((left - right).abs() <= 5 * np.sqrt(left + right)).all()
    left, right = (rows[rows["channel"] == "offline"]["cause"].value_counts() for rows in (one, other))
    assert 2.5 < right["wrong_face_value"] / left["wrong_face_value"] < 9.0
    for cause in ("mistyped", "region_mismatch", "already_used", "expired", "ok"):
        # bad stock comes in batches of some fourteen
        assert abs(right[cause] - left[cause]) <= 5 * np.sqrt(14 * (left[cause] + right[cause])), cause
