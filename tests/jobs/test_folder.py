"""A folder is one table, and whatever is said of its rows or headers names the file in which they stand."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import InputError, MissingColumnError, TimeZoneError, UnusableFileError
from cardrisk.jobs.batch.context import Limits
from cardrisk.jobs.score import run
from tests.conftest import KEY

from . import worlds

LIMITS = Limits(piece=20, part=400, small=0)


@pytest.fixture
def job(tiny, key, tmp_path):
    """A job over a folder: its arguments, and the folder's rows in order."""
    rng = np.random.default_rng(41)
    cards = pd.concat([tiny.early.iloc[-60:], tiny.late], ignore_index=True)
    given, past, answers = worlds.disordered(rng, cards, tiny.outcomes, 60)
    path = worlds.write(tmp_path, given, past, answers, rng, "folder")
    asked = {"cards": str(path), "model": str(tiny.bundle), "history": str(tmp_path / "data"), "key": key}
    return {**asked, "limits": LIMITS, "workers": 1, "reasons": "none", "out": str(tmp_path / "out.csv")}, given


def rewritten(asked, change, *names):
    """Put CSV files in the place of a folder's Parquet files; some of them changed."""
    for path in sorted(Path(asked["cards"]).glob("*.parquet")):
        frame = pd.read_parquet(path)
        frame = change(frame) if path.stem in names else frame
        frame.to_csv(path.with_suffix(".csv"), index=False)
        path.unlink()


def quarantined(asked):
    return pd.read_csv(f"{asked['out']}.quarantine", dtype={"value": "str"})


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_refused_row_is_found_by_its_file_and_its_number_there(job, kind, tmp_path):
    asked, given = job
    if kind == "csv":
        rewritten(asked, None)
    assert run(**asked) == 1
    told = quarantined(asked)
    assert list(told) == ["file", "row_in_file", "row", "rule", "column", "value"]
    assert told["file"].unique().tolist() == [f"{i}.{kind}" for i in range(3)]
    scores = pd.read_csv(asked["out"])
    assert scores["rule"].iloc[told["row"]].tolist() == told["rule"].tolist()
    assert scores["rule"].notna().sum() == len(told)
    for file, rows in told.groupby("file"):
        path = Path(asked["cards"]) / str(file)
        frame = pd.read_csv(path) if kind == "csv" else pd.read_parquet(path)
        here = frame["submission_id"].iloc[rows["row_in_file"]]
        assert here.tolist() == given["submission_id"].iloc[rows["row"]].tolist()


def test_a_single_file_is_told_of_as_before_and_a_folder_of_one_by_its_name(job, tmp_path):
    asked, given = job
    shutil.rmtree(asked["cards"])
    given.to_parquet(tmp_path / "one.parquet")
    run(**asked | {"cards": str(tmp_path / "one.parquet")})
    alone = quarantined(asked)
    assert list(alone) == ["row", "rule", "column", "value"]
    Path(asked["cards"]).mkdir()
    given.to_parquet(Path(asked["cards"]) / "one.parquet")
    run(**asked)
    told = quarantined(asked)
    assert (told["file"] == "one.parquet").all()
    assert told["row_in_file"].tolist() == told["row"].tolist()
    pd.testing.assert_frame_equal(told.drop(columns=["file", "row_in_file"]), alone)


def test_a_name_that_is_no_text_or_a_formula_harms_no_reader(job):
    asked, _ = job
    rewritten(asked, None)
    folder = Path(asked["cards"])
    (folder / "0.csv").rename(folder / "=1+1.csv")
    os.rename(os.fsencode(folder / "1.csv"), os.fsencode(folder) + b"/\xff.csv")
    run(**asked)
    assert set(quarantined(asked)["file"]) == {"'=1+1.csv", "2.csv", r"\udcff.csv"}


@pytest.mark.parametrize("engine", ["local", "spark"])
@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (lambda f: f.drop(columns="submitted_at"), MissingColumnError, r"^1\.csv: submissions: expected column submi"),
        (lambda f: f.assign(卡类=f["card_kind"]).rename(columns={"card_kind": "card kind"}), InputError,
         r"^1\.csv: expected one column for card_kind, got 2 \('card kind', '卡类'\)"),
        (lambda f: f.drop(columns=["dealer_id"]).assign(note="a"), UnusableFileError,
         r"^1\.csv: expected the header line of 0\.csv, .* got one without dealer_id and with note besides$"),
        (lambda f: f[f.columns[::-1]], UnusableFileError, r"^1\.csv: expected the header line of 0.* in another order"),
        (lambda f: f.iloc[:0], UnusableFileError, r"^1\.csv: expected a header line and at least one row, got no row"),
    ],
    ids=["missing", "twice", "other", "order", "none"],
)  # fmt: skip
def test_headers_that_cannot_be_used_are_told_with_their_file(job, engine, change, kind, said, tmp_path, monkeypatch):
    asked, _ = job
    monkeypatch.setattr("cardrisk.jobs.spark.files.session", lambda: pytest.fail("refused too late"))
    monkeypatch.setenv("CARDRISK_KEY", KEY)
    rewritten(asked, change, "1")
    with pytest.raises(kind, match=said) as caught:
        run(**asked | {"key": None}, engine=engine)
    assert str(tmp_path) not in str(caught.value)
    assert not Path(asked["out"]).exists()


def test_files_that_cannot_be_read_are_told_by_name(job):
    asked, _ = job
    folder = Path(asked["cards"])
    whole = (folder / "1.parquet").read_bytes()
    (folder / "1.parquet").write_bytes(whole[:-9])
    with pytest.raises(UnusableFileError, match=r"^1\.parquet: expected Parquet, got a damaged file"):
        run(**asked)
    (folder / "1.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(UnusableFileError, match=r"^1\.parquet: expected Parquet, got text"):
        run(**asked)
    (folder / "1.parquet").unlink()
    (folder / "1.csv").write_bytes("submission_id,submitted_at\né,\n".encode("latin-1") + b"\xff")
    with pytest.raises(UnusableFileError, match=r"^1\.csv: expected text in UTF-8"):
        run(**asked)


@pytest.mark.parametrize("workers", [1, 2])
def test_times_without_a_zone_are_told_with_their_file(job, workers):
    asked, _ = job
    rewritten(asked, lambda f: f.assign(submitted_at=f["submitted_at"].astype("str").str[:19]), "2")
    with pytest.raises(TimeZoneError, match=r"^2\.csv: submitted_at: expected times with a zone"):
        run(**asked | {"workers": workers})


@pytest.mark.parametrize("limits", [LIMITS, Limits()])
def test_headers_of_the_history_are_told_with_its_folder(job, limits, tmp_path):
    asked, given = job
    given.to_parquet(tmp_path / "submissions.parquet")
    asked |= {"limits": limits, "cards": str(tmp_path / "submissions.parquet")}
    past = pd.read_parquet(tmp_path / "data" / "submissions.parquet")
    past.drop(columns="submitted_at").to_parquet(tmp_path / "data" / "submissions.parquet")
    with pytest.raises(MissingColumnError, match=r"^data/submissions\.parquet: submissions: expected column submitted"):
        run(**asked)
    past.to_parquet(tmp_path / "data" / "submissions.parquet")
    given.drop(columns="submitted_at").to_parquet(tmp_path / "submissions.parquet")
    with pytest.raises(MissingColumnError, match=r"^submissions\.parquet: submissions: expected column submitted_at"):
        run(**asked)
