import numpy as np
import pandas as pd
import pytest

from cardrisk.codes._anomalies import _MANY_KINDS
from cardrisk.errors import InputError
from cardrisk.facts import CAUSES
from cardrisk.features import FEATURES, compute
from cardrisk.policy.costs import ACTIONS
from cardrisk.risk import phrases, train
from cardrisk.risk.advice import advice
from cardrisk.risk.evidence import sentence, topic
from cardrisk.risk.explain import contributions, reasons_for
from cardrisk.risk.tables import prepare
from tests.risk.tables_for_risk import KEY, answers, cards


@pytest.fixture(scope="module")
def scored():
    submissions = cards(2_000)
    outcomes = answers(submissions, wait="1h", causes=True)
    model = train(submissions, outcomes, key=KEY, params={"rounds": 40, "cause_rounds": 2}, threads=1)
    tables = prepare(submissions, outcomes, key=KEY)
    frame = compute(tables.submissions, tables.outcomes, features=model.features)
    scores = model.predict(frame).assign(cause="mistyped", decision="review")
    return model, frame, scores, submissions


def test_contributions_sum_to_the_margin(scored):
    model, frame, _, _ = scored
    given = contributions(model, frame.iloc[:200])
    assert list(given.columns) == [*model.needed, "base"]
    np.testing.assert_allclose(given.sum(axis=1), model.margin(frame.iloc[:200]), atol=1e-9)


def test_reasons_name_what_raises_the_risk(scored):
    model, frame, scores, submissions = scored
    bad = submissions["store_id"].isin(["m1", "m2", "m3"]).to_numpy() & (np.arange(2_000) > 1_500)
    said = reasons_for(model, frame[bad], scores[bad])
    assert len(said) == bad.sum()
    assert all(len(texts) <= 3 for texts in said)
    assert np.mean([any("this store" in text for text in texts) for texts in said]) > 0.9
    zh = reasons_for(model, frame[bad], scores[bad], language="zh")
    assert [len(texts) for texts in zh] == [len(texts) for texts in said]
    assert all("该门店" in "".join(texts) for texts, en in zip(zh, said, strict=True) if "this store" in " ".join(en))


def test_no_cards_no_reasons(scored):
    model, frame, scores, _ = scored
    assert reasons_for(model, frame.iloc[:0], scores.iloc[:0]) == []


def test_unknown_language_and_scope_are_refused(scored):
    model, frame, scores, _ = scored
    with pytest.raises(InputError, match="got 'fr', 'reviewer'"):
        reasons_for(model, frame, scores, language="fr")
    with pytest.raises(InputError, match="got 'en', 'press'"):
        reasons_for(model, frame, scores, scope="press")


def test_evidence_counts_as_a_reviewer_would():
    row = {"supplier_failed_7d": 12.0, "supplier_known_7d": 30.0, "supplier_failure_share_7d": 0.38}
    both = ("failed", "failure_share")
    wanted = [FEATURES[f"supplier_{statistic}_7d"] for statistic in both]
    for feature in wanted:
        assert sentence(feature, row, "en") == "12 of 30 answered cards of this supplier failed in the last 7 days"
        assert sentence(feature, row, "zh") == "近 7 天该供应商已有结果的 30 张卡中 12 张失败"
    assert topic(wanted[0]) == topic(wanted[1])
    price = FEATURES["price_ratio"]
    assert sentence(price, {"price_ratio": 0.62}, "en") == "The asking price is 62 % of face value"
    gone = FEATURES["days_until_valid_until"]
    assert sentence(gone, {gone.name: -3.2}, "zh") == "已过期 3 天"


@pytest.mark.parametrize(
    ("name", "value", "english", "chinese"),
    [
        ("entry_method", "photo", "The code was read from a photo", "卡密由照片识别"),
        ("entry_method", "carved", "Entry method: carved", "Entry_method: carved"),
        ("code_kinds_fitting", 0.0, "The code's shape fits no known kind of card", "卡号卡密的格式不属于任何已知卡种"),
        (
            "code_kinds_fitting", 1.0,
            "The code's shape fits one known kind of card", "卡号卡密的格式只符合 1 个已知卡种",
        ),
        ("code_kinds_fitting", 2.0, "The code's shape fits 2 known kinds of card", "卡号卡密符合 2 个已知卡种的格式"),
        (
            "code_kinds_fitting", float(_MANY_KINDS),
            "The code's shape fits six or more known kinds of card", "卡号卡密符合 6 个或更多已知卡种的格式",
        ),
        ("code_secret_length_off", -1.0, "The secret is too short by 1", "卡密少 1 位"),
        ("account_bound", 1.0, "The card is bound", "该卡已绑定账户"),
        ("store_known_life", 9.0, "9 answers are known about this store so far", "迄今该门店有 9 张卡已有结果"),
        ("ring_failure_share", 0.75, "75 % of the linked cards failed", "关联卡失败率为 75 %"),
        ("request_cards", 3.0, "3 cards were handed in together", "同批共提交 3 张卡"),
    ],
)  # fmt: skip
def test_a_number_or_a_word_is_told_as_a_person_would(name, value, english, chinese):
    feature = FEATURES[name]
    assert sentence(feature, {name: value}, "en") == english
    assert sentence(feature, {name: value}, "zh") == chinese


def test_every_phrase_belongs_to_a_feature():
    named = {*phrases.BY_NAME, *phrases.BY_FLAG, *(name for name, _ in (*phrases.BY_WORD, *phrases.BY_NUMBER))}
    assert named <= {feature.name for feature in FEATURES}
    assert set(phrases.BY_STATISTIC) <= {feature.statistic for feature in FEATURES}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_declared_feature_can_be_told(language):
    for feature in FEATURES:
        value = "some" if feature.dtype == "str" else 2.5
        said = sentence(feature, {feature.name: value}, language)
        assert said
        assert "None" not in said
        assert sentence(feature, {feature.name: float("nan")}, language) is None


def test_submitters_learn_nothing_about_what_was_seen(scored):
    model, frame, scores, _ = scored
    told = {
        cause: reasons_for(model, frame.iloc[:1], scores.iloc[:1].assign(cause=cause), scope="submitter")
        for cause in ("forged", "already_used", "batch_invalid", "insufficient_balance")
    }
    assert len({str(texts) for texts in told.values()}) == 1
    for language in ("en", "zh"):
        for decision in ACTIONS:
            for cause in (*CAUSES, None):
                texts = advice(cause, decision, language)
                assert 1 <= len(texts) <= 2
                assert not any(word in " ".join(texts).lower() for word in ("seen", "before", "forged", "used", "伪造"))


def test_reasons_hold_no_token(scored):
    model, frame, scores, submissions = scored
    tokens = prepare(submissions, answers(submissions), key=KEY).submissions
    held = {value for name in tokens if name.endswith("_token") for value in tokens[name].dropna()}
    said = " ".join(text for texts in reasons_for(model, frame.iloc[:300], scores.iloc[:300]) for text in texts)
    assert not any(token in said for token in held)
    assert isinstance(scores, pd.DataFrame)
