"""What was served is what the tables give, to the last bit, and a single changed bit is found."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import InputError, MissingColumnError
from cardrisk.jobs import monitor as job
from cardrisk.monitor import monitor

from .conftest import TOKEN_KEY


def look(scores, window, **more):
    cards, outcomes, history = window
    return monitor(scores, cards, outcomes, history=history, key=TOKEN_KEY, maturity=1, **more)


def test_served_scores_come_out_again(served, window, model):
    found = look(served, window, model=model, sample=60, seed=4)
    assert found.recomputed["differing"].sum() == 0
    assert found.recomputed["cards"].between(60, 62).all()
    assert {"p_fail", "decision", "expected_loss", "p_forged"} <= set(found.recomputed["column"])
    assert not len(found.differences)
    assert not [alarm for alarm in found.alarms if "served" in alarm]


def test_order_and_repeated_rows_of_the_tables_do_not_matter(served, window, model):
    cards, outcomes, history = window
    doubled = pd.concat([cards, cards.iloc[:40]]).sample(frac=1.0, random_state=2)
    shuffled = doubled.drop_duplicates("submission_id")
    found = look(served, (shuffled, outcomes, history), model=model, sample=40)
    assert found.recomputed["differing"].sum() == 0
    found = look(served, (pd.concat([cards, cards.iloc[:40]]), outcomes, history), model=model, sample=40)
    assert found.recomputed["differing"].sum() == 0


def test_one_bit_is_found(served, window, model):
    changed = served.copy()
    changed["p_fail"] = np.nextafter(changed["p_fail"].to_numpy(), 1.0)
    found = look(changed, window, model=model, sample=30)
    counts = found.recomputed.set_index("column")
    assert counts.loc["p_fail", "differing"] == counts.loc["p_fail", "cards"]
    assert counts["differing"].drop("p_fail").sum() == 0
    row = found.differences.iloc[0]
    assert float(row["served"]) == np.nextafter(float(row["recomputed"]), 1.0)
    assert any("p_fail: 30 of 30 served values" in alarm for alarm in found.alarms)


def test_forgotten_history_is_found(served, window, model):
    cards, outcomes, _ = window
    found = monitor(served, cards, outcomes, model=model, key=TOKEN_KEY, maturity=1, sample=60)
    assert found.recomputed["differing"].sum() > 0


def test_scores_of_another_model_are_not_compared(served, window, model):
    found = look(served.assign(model_version="another"), window, model=model)
    assert any("no served card could be scored again" in alarm for alarm in found.alarms)


def test_without_model_and_reference_only_calibration_is_looked_at(served, window):
    found = look(served, window)
    assert found.drift is None
    assert found.recomputed is None
    assert set(found.calibration["group"]) == {"all", "ecommerce", "vertical"}


def test_against_itself_nothing_has_drifted(served, window):
    found = look(served, window, reference=served)
    assert found.drift["verdict"].eq("stable").all()
    assert found.drift["psi"].eq(0.0).all()
    assert any("p_fail shifted" in alarm for alarm in look(served.assign(p_fail=0.99), window, reference=served).alarms)


def test_unusable_scores_are_named(served, window):
    with pytest.raises(MissingColumnError, match=r"scores: .* missing decision"):
        look(served.drop(columns="decision"), window)
    with pytest.raises(MissingColumnError, match=r"reference: .* missing p_fail"):
        look(served, window, reference=served.drop(columns="p_fail"))
    with pytest.raises(InputError, match="maturity >= 0 days and a sample >= 1, got 1 and 0"):
        look(served, window, sample=0)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_the_job_reads_what_score_writes(served, window, model, tmp_path, monkeypatch, capsys, suffix):
    from cardrisk.jobs.score import save

    monkeypatch.setenv("CARDRISK_KEY", "kxT0mQ5wLr8bYc2ZpN7hVd4JgF1sUe9Ra3X6MiBoWqE")
    save(served, pd.DataFrame({"row": [], "rule": [], "column": [], "value": []}), tmp_path / f"scores{suffix}")
    cards, outcomes, history = window
    for name, (submissions, answers) in {"now": (cards, outcomes), "past": history}.items():
        (tmp_path / name).mkdir()
        submissions.to_parquet(tmp_path / name / "submissions.parquet")
        answers.to_parquet(tmp_path / name / "outcomes.parquet")
    model.save(tmp_path / "bundle")
    file = str(tmp_path / f"scores{suffix}")
    code = job.run(
        scores=file, data=str(tmp_path / "now"), reference=file, tz=None,
        model=str(tmp_path / "bundle"), history=str(tmp_path / "past"), maturity=1,
    )  # fmt: skip
    said = capsys.readouterr().out
    assert code == (1 if "! " in said else 0)
    assert "Served against recomputed" in said
    assert "served values are not" not in said
