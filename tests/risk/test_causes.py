from dataclasses import replace

import numpy as np
import pandas as pd

from cardrisk.facts import CAUSES
from cardrisk.risk import repair
from cardrisk.risk.boost import Settings
from cardrisk.risk.causes import CauseShares, temperature
from cardrisk.risk.labels import GATEWAY, MANUAL, NO_CODE, Labels

FORGED, USED, TYPED = (CAUSES.index(name) for name in ("forged", "already_used", "mistyped"))


def counts(**given: float) -> np.ndarray:
    return np.array([given.get(cause, 0.0) for cause in CAUSES])


def test_shares_sum_to_one_and_rare_causes_keep_their_share():
    shares = CauseShares.of(counts(forged=500, mistyped=480, expired=3))
    assert shares.classes == (TYPED, FORGED)
    random = np.random.default_rng(0)
    told = shares.shares(random.normal(0, 3, (1_000, 2)), 1_000)
    np.testing.assert_allclose(told.sum(axis=1), 1.0, rtol=1e-12)
    assert (told > 0).all()
    assert (told[:, CAUSES.index("expired")] > told[:, CAUSES.index("issuer_busy")]).all()
    assert abs(told[0, CAUSES.index("expired")] - 3.5 / 990) < 1e-3


def test_one_cause_or_none():
    one = CauseShares.of(counts(forged=50))
    assert one.classes == ()
    assert one.shares(None, 2)[0].argmax() == FORGED
    none = CauseShares.of(counts())
    assert np.isnan(none.shares(None, 2)).all()


def test_temperature_finds_overconfidence():
    random = np.random.default_rng(0)
    scores = random.normal(0, 1.5, (5_000, 4))
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    cause = (p.cumsum(axis=1) < random.random(5_000)[:, None]).sum(axis=1)
    ones = np.ones(5_000)
    assert abs(temperature(scores * 2, cause, ones) - 2) < 0.3
    assert abs(temperature(scores, cause, ones) - 1) < 0.15
    assert temperature(scores[:20], cause[:20], ones[:20]) == 1.0


def gateway_world(count: int = 2_000, seed: int = 0) -> tuple[np.ndarray, Labels, np.ndarray]:
    """Forged cards are cheap and answered "already used"; people looked at one card in twenty."""
    random = np.random.default_rng(seed)
    real = random.choice([FORGED, USED, TYPED], count, p=[0.45, 0.15, 0.4])
    x = np.column_stack(
        [(real == FORGED) * 1.5 + random.normal(size=count), (real == TYPED) * 2 + random.normal(size=count)]
    )
    said = np.where((real == FORGED) & (random.random(count) < 0.8), USED, real)
    people = random.random(count) < 0.05
    labels = Labels(
        np.ones(count),
        np.where(people, real, said).astype(np.int16),
        np.zeros(count, np.int64),
        np.where(people, MANUAL, GATEWAY).astype(np.int8),
        np.full(count, NO_CODE, np.int32),
    )
    return x.astype(np.float32), labels, real


def test_repair_finds_real_causes_behind_messages():
    x, labels, real = gateway_world()
    soft = repair.soft_causes(x, labels, pd.DataFrame(index=range(len(real))), Settings({}, 0, 1))
    np.testing.assert_allclose(soft.sum(axis=1), 1.0, rtol=1e-9)
    found = labels.source == MANUAL
    np.testing.assert_array_equal(soft[found].argmax(axis=1), real[found])
    before, after = (labels.cause == real).mean(), (soft.argmax(axis=1) == real).mean()
    # 2,000 cards: a share has a standard error of about .01
    assert before < 0.7
    assert after > before + 0.1


def test_a_gateways_code_tells_what_the_mapping_lost():
    """Half of the causes were lost in the mapping and one code stands for none in particular."""
    x, labels, real = gateway_world()
    random = np.random.default_rng(3)
    heard = labels.source == GATEWAY
    vague = heard & (random.random(len(real)) < 0.2)
    code = np.where(vague, 9, np.where(labels.cause == USED, 4, labels.cause + 20))
    cause = np.where(vague, FORGED, np.where(heard & (random.random(len(real)) < 0.5), -1, labels.cause))
    mapped = replace(labels, cause=cause.astype(np.int16))
    coded = replace(mapped, code=code.astype(np.int32))
    groups = pd.DataFrame(index=range(len(real)))
    right = [
        (repair.soft_causes(x, given, groups, Settings({}, 0, 1)).argmax(axis=1) == real)[heard].mean()
        for given in (mapped, coded)
    ]
    # 1,900 cards: the difference of two shares on the same cards has a standard error of about .01
    assert right[1] > right[0] + 0.03


def test_without_people_causes_stay_as_said():
    x, labels, _ = gateway_world()
    alone = replace(labels, source=np.full(len(x), GATEWAY, np.int8))
    soft = repair.soft_causes(x, alone, pd.DataFrame(index=range(len(x))), Settings({}, 0, 1))
    np.testing.assert_array_equal(soft, np.eye(len(CAUSES))[alone.cause])


def test_hindsight_leaves_the_card_itself_out():
    frame = pd.DataFrame({"batch_id": ["a", "a", "a", "b", None]})
    cause = np.array([USED, FORGED, -1, USED, USED], np.int16)
    zero = np.zeros(5)
    labels = Labels(np.array([1.0, 1, 0, 1, 1]), cause, zero.astype(int), zero.astype(np.int8), zero.astype(np.int32))
    told = repair.hindsight(frame, labels)
    np.testing.assert_array_equal(told["batch_id_answered"], np.array([2, 2, 2, 0, np.nan], np.float32))
    np.testing.assert_array_equal(told["batch_id_failed"], np.array([0.5, 0.5, 1, np.nan, np.nan], np.float32))
    np.testing.assert_array_equal(told["batch_id_used"], np.array([0, 1, 0.5, np.nan, np.nan], np.float32))


def test_rows_of_soft_causes_keep_the_weight_of_a_card():
    soft = np.zeros((2, len(CAUSES)))
    soft[0, [0, 1, 2]] = [0.6, 0.39, 0.01]
    card, cause, weight = repair.rows_of(soft)
    assert card.tolist() == [0, 0]
    assert cause.tolist() == [0, 1]
    assert weight.sum() == 1.0
