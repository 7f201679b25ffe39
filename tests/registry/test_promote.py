"""The champion alias moves only to a better challenger, says why otherwise, and comes back by one call."""

import warnings

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import InputError, ModelError
from cardrisk.jobs import promote as job
from cardrisk.registry import StabilityWarning, promote, promotion, rollback, track, using
from cardrisk.registry.aliases import holder

from . import conftest as made


def pair(name, champion, challenger, store):
    track(champion, register=name, alias="champion", store=store)
    track(challenger, register=name, alias="challenger", store=store)


def run(name, later, learnt, store, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StabilityWarning)
        return promote(name, *later, history=learnt, store=store, key=made.TOKEN_KEY, **({"maturity": 1} | more))


def champion(name, store):
    with using(store) as client:
        return str(holder(client, name, "champion").version)


def test_a_better_challenger_moves_and_comes_back(tracked, store, later, learnt, weak, good):
    pair("better", weak, good, store)
    found = run("better", later, learnt, store)
    assert found.moved
    assert found.interval[0] > 0
    assert found.difference >= 0.005
    assert found.why.startswith("moved: average precision")
    assert champion("better", store) == "2"
    again = run("better", later, learnt, store)
    assert (again.moved, again.why) == (False, "not moved: the challenger is the champion")
    back = rollback("better", store=store)
    assert (back.champion, back.replaced) == ("1", "2")
    assert champion("better", store) == "1"
    with pytest.raises(ModelError, match="expected a champion of 'better' before version 1, got none"):
        rollback("better", store=store)


def test_a_worse_challenger_stays(tracked, store, later, learnt, weak, good):
    pair("worse", good, weak, store)
    found = run("worse", later, learnt, store)
    assert not found.moved
    assert "a gain of 0.005 is asked for" in found.why
    assert champion("worse", store) == "1"


def test_why_not_is_said(tracked, store, later, learnt):
    young = run("market", later, learnt, store, maturity=21)
    assert not young.moved
    assert "no card counts (" in young.why
    few = run("market", (later[0].iloc[:300], later[1]), learnt, store)
    assert "expected at least 7 days and 50 failures" in few.why
    margin = run("market", later, learnt, store, margin=0.9)
    assert "a gain of 0.9 is asked for" in margin.why
    assert champion("market", store) == "1"


def test_an_interval_that_holds_zero_is_not_enough():
    figures = promotion.Comparison(0.5, 0.52, 0.02, (-0.01, 0.05), 900, 90, 20, 0, 0, made.pd.DataFrame())
    assert promotion.objection(figures, 0.005).endswith("the interval does not exclude zero")
    nan = float("nan")
    figures = promotion.Comparison(nan, nan, nan, (nan, nan), 900, 90, 20, 0, 0, made.pd.DataFrame())
    assert promotion.objection(figures, 0.0) is not None


def test_a_champion_set_meanwhile_stands(tracked, store, later, learnt, weak, good, monkeypatch):
    pair("race", weak, good, store)

    def slow(*args, **more):
        track(weak, register="race", alias="champion", store=store)
        return compare(*args, **more)

    compare = promotion.compare
    monkeypatch.setattr(promotion, "compare", slow)
    found = run("race", later, learnt, store)
    assert found.why == "not moved: another champion was set meanwhile; compare again"
    assert champion("race", store) == "3"


def test_a_moved_mix_warns(tracked, store, later, learnt):
    with pytest.warns(StabilityWarning, match="the share of '.*' would go from .* at unchanged policy: more than 1%"):
        promote("market", *later, history=learnt, store=store, key=made.TOKEN_KEY, maturity=1, margin=0.9)


def test_the_same_content_retrained_warns_of_nothing(tracked, store, later, learnt, good):
    pair("twins", good, good, store)
    with warnings.catch_warnings():
        warnings.simplefilter("error", StabilityWarning)
        found = promote("twins", *later, history=learnt, store=store, key=made.TOKEN_KEY, maturity=1)
    assert not found.moved
    assert found.difference == 0.0


def test_what_is_not_registered_is_named(tracked, store, later):
    with pytest.raises(ModelError, match="expected a version of 'nobody' with the alias 'champion', got none"):
        promote("nobody", *later, store=store)
    with pytest.raises(ModelError, match="expected a champion of 'nobody' to roll back"):
        rollback("nobody", store=store)
    with pytest.raises(InputError, match=r"margin: expected a gain >= 0, got -0\.1"):
        promote("market", *later, store=store, margin=-0.1)


def test_the_job_promotes_and_rolls_back(tracked, store, later, learnt, weak, good, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CARDRISK_KEY", "kxT0mQ5wLr8bYc2ZpN7hVd4JgF1sUe9Ra3X6MiBoWqE")
    pair("jobs", weak, good, store)
    for name, (submissions, outcomes) in {"now": later, "past": learnt}.items():
        (tmp_path / name).mkdir()
        submissions.to_parquet(tmp_path / name / "submissions.parquet")
        outcomes.to_parquet(tmp_path / name / "outcomes.parquet")
    common = {"name": "jobs", "margin": 0.005, "store": store, "tz": None, "maturity": 1}
    data = {"data": str(tmp_path / "now"), "history": str(tmp_path / "past")}
    assert job.run(**common, **data, rollback=False) == 0
    assert "jobs version 2 against champion 1: moved" in capsys.readouterr().out
    assert job.run(**common, **data, rollback=False) == 1
    assert job.run(**common, data=None, history=None, rollback=True) == 0
    assert capsys.readouterr().out.endswith("jobs: champion is version 1 again, it was 2\n")
    with pytest.raises(InputError, match="--data DATA"):
        job.run(**common, data=None, history=None, rollback=False)
    _weighed(common, data, later, tmp_path, capsys)


def _weighed(common, data, later, tmp_path, capsys):
    """Chances that scoring recorded weigh the comparison: the job says what the call with them says."""
    ids = later[0]["submission_id"]
    chances = pd.Series(np.where(np.arange(len(ids)) % 3, 1.0, 0.02), index=ids, name="propensity")
    chances.reset_index().to_csv(tmp_path / "scores.csv", index=False)
    stands = {**common, "margin": 0.9}
    said = []
    for given in ({}, {"propensity": str(tmp_path / "scores.csv")}):
        assert job.run(**stands, **data, **given, rollback=False) == 1
        said.append(capsys.readouterr().out)
    assert said[0] != said[1]
    history = tuple(pd.read_parquet(tmp_path / "past" / f"{name}.parquet") for name in ("submissions", "outcomes"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StabilityWarning)
        found = promote(
            "jobs", *later, history=history, margin=0.9, maturity=1, store=common["store"], propensity=chances
        )
    assert not found.moved
    assert found.why in said[1]
