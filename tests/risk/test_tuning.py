import sys

import pytest

from cardrisk.errors import InputError, MissingExtraError
from cardrisk.risk import train, tune

from .tables_for_risk import KEY, answers, cards

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def tables():
    submissions = cards(900)
    return submissions, answers(submissions, wait="6h")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('study') / 'study.db'}"


@pytest.fixture(scope="module")
def tuned(tables, store):
    return tune(*tables, trials=2, seconds=None, storage=store, key=KEY, threads=1)


def test_the_first_trial_is_the_defaults_and_nothing_worse_is_returned(tuned):
    first = tuned.trials.iloc[0]
    assert first["learning_rate"] == 0.05
    assert tuned.default_log_loss == first["log_loss"]
    assert tuned.log_loss == tuned.trials["log_loss"].min() <= tuned.default_log_loss
    assert bool(tuned.params) == (tuned.log_loss < tuned.default_log_loss)
    assert tuned.trials["average_precision"].between(0, 1).all()


def test_a_study_goes_on_where_it_stood(tables, store, tuned):
    more = tune(*tables, trials=1, seconds=None, storage=store, key=KEY, threads=1)
    columns = list(tuned.trials.columns)
    assert len(more.trials) in (2, 3)  # a pruned trial has no row
    assert more.trials[columns].iloc[:2].equals(tuned.trials)
    assert more.log_loss <= tuned.log_loss


def test_other_data_never_joins_a_study(tables, store, tuned):
    submissions, outcomes = tables
    with pytest.raises(InputError, match="expected the data that the study 'cardrisk' began with"):
        tune(submissions.iloc[:-50], outcomes, trials=1, storage=store, key=KEY, threads=1)


def test_what_was_found_trains(tables):
    model = train(*tables, key=KEY, threads=1, params={"rounds": 10, "num_leaves": 9, "learning_rate": 0.1})
    assert model.about["settings"]["params"]["num_leaves"] == 9


def test_an_end_must_be_said(tables):
    with pytest.raises(InputError, match="expected seconds or trials"):
        tune(*tables, seconds=None, key=KEY)


def test_without_optuna_the_extra_is_named(tables, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"install cardrisk\[tune\]"):
        tune(*tables, trials=1, key=KEY)
