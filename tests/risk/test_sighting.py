import numpy as np
import pandas as pd
import pytest

from cardrisk.kinds import KINDS
from cardrisk.risk import boost, sighting, train
from cardrisk.risk.boost import Settings

from .tables_for_risk import KEY, answers, cards

QUICK = {"rounds": 30, "cause_rounds": 3}
PHONE = [name for name, kind in KINDS.items() if kind.family == "phone"]
GAME = [name for name, kind in KINDS.items() if kind.family == "game"]


@pytest.fixture(scope="module")
def tables():
    """Kinds of two families and one that nobody lists; shops type worse in one channel."""
    random = np.random.default_rng(4)
    submissions = cards(4_000)
    submissions["card_kind"] = random.choice([PHONE[0], GAME[0], GAME[1], "own kind"], 4_000)
    submissions["channel"] = random.choice(["ecommerce", "offline"], 4_000)
    return submissions, answers(submissions, wait="2h", causes=True)


@pytest.fixture(scope="module")
def model(tables):
    return train(*tables, key=KEY, params=QUICK, threads=1)


def test_kinds_of_a_family_share_their_map_in_each_channel(model):
    of = model.card.calibration.of
    assert model.card.groups == ("channel", "card_kind")
    for channel in ("ecommerce", "offline"):
        maps = {of(f"{channel}|{kind}") for kind in GAME}
        assert len(maps) == 1
        assert maps != {of(f"{channel}|{PHONE[0]}")}
        assert of(f"{channel}|own kind") not in maps


def test_a_kind_never_seen_gets_its_familys_map_and_an_unknown_one_the_global_map(model):
    of = model.card.calibration.of
    assert PHONE[-1] not in model.card.columns.categories["card_kind"]
    assert of(f"offline|{PHONE[-1]}") == of(f"offline|{PHONE[0]}") != (0.0, 0.0)
    assert of("offline|nobody's kind") == (0.0, 0.0)


def test_the_kept_trees_learn_from_every_labelled_card(model):
    told = model.about["cards"]
    assert told["trees"] == told["labelled"] == 4_000
    assert 0 < told["calibration"] < 1_000


def test_sighting_trees_learn_from_earlier_cards_alone(tables, monkeypatch):
    seen = []
    real = sighting.Grower.fail

    def spy(self, rows=slice(None), settings=None):
        seen.append((self.data.moments[rows], self.data.labels.answered[rows], self.data.moments))
        return real(self, rows, settings)

    monkeypatch.setattr(sighting.Grower, "fail", spy)
    train(*tables, key=KEY, params=QUICK, threads=1)
    (fit, answered, every), (kept, _, _) = seen
    held = np.sort(every)[round((1 - sighting.CALIBRATION_SHARE) * len(every)) :]
    assert fit.max() < held.min()
    assert answered.max() < held.min()
    assert len(kept) == len(every)


def test_many_cards_take_from_quick_trees_only_what_sets_groups_apart(tables, model, monkeypatch):
    monkeypatch.setattr(sighting, "MANY", 1_000)
    quick = train(*tables, key=KEY, params=QUICK, threads=1)
    found = quick.card.calibration
    assert (found.a, found.b, found.c) == (1.0, 1.0, 0.0)
    assert quick.card.shares.temperature == 1.0
    assert set(found.groups) == set(model.card.calibration.groups)
    assert quick.files["fail.txt"] == model.files["fail.txt"]


def test_quicker_settings_cost_less():
    settings = Settings({"num_leaves": 7}, 3, 1)
    params, rounds = boost.quicker(settings, 10_000).for_size(10_000)
    assert rounds < boost.ROUNDS / 5
    assert params["num_leaves"] == 7
    assert params["learning_rate"] > boost.DEFAULTS["learning_rate"]


def test_family_of_unlisted_and_unknown_kinds():
    given = pd.Series([GAME[0], "own kind", None, np.nan], dtype="object")
    found = sighting.family(given)
    assert list(found[:2]) == ["game", "own kind"]
    assert found[2:].isna().all()


def test_the_newest_cards_are_the_last_ones_and_no_moment_is_torn_apart(monkeypatch):
    monkeypatch.setattr(sighting, "NEWEST", 3)
    moments = np.array([5, 1, 4, 9, 4, 2], np.int64)
    fit = np.array([True, True, True, False, True, True])
    assert moments[sighting._newest(fit, moments)].tolist() == [5, 4, 4]
    monkeypatch.setattr(sighting, "NEWEST", 2)
    assert moments[sighting._newest(fit, moments)].tolist() == [5]
    monkeypatch.setattr(sighting, "NEWEST", 5)
    assert sighting._newest(fit, moments) is fit
