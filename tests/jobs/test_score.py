"""A job's files are those of scoring everything in memory, byte for byte, however it was cut and spread."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import InputError, QuarantineWarning, UnusableFileError
from cardrisk.jobs.batch import keying
from cardrisk.jobs.batch.context import Limits
from cardrisk.jobs.batch.journal import Journal, folder_of
from cardrisk.jobs.score import run

from . import worlds

WHOLE = Limits(small=10**9)


def files(out):
    return out.read_bytes(), Path(f"{out}.quarantine").read_bytes()


def without_files(path):
    """Make the quarantine of a folder that of a file."""
    told = pd.read_csv(path, dtype="str", keep_default_na=False).drop(columns=["file", "row_in_file"])
    told.to_csv(path, index=False, encoding="utf-8-sig")


def tiny_limits(rng, rows):
    return Limits(piece=int(rng.integers(rows // 5, rows)), part=int(rng.integers(rows // 2, 2 * rows)), small=0)


@pytest.fixture
def job(tiny, key, tmp_path):
    """A job over disordered tables: arguments, and how many rows go in."""

    def make(seed, kind="parquet", rows=150):
        rng = np.random.default_rng([91, seed])
        cards = pd.concat([tiny.early.iloc[-rows:], tiny.late], ignore_index=True)
        given, past, answers = worlds.disordered(rng, cards, tiny.outcomes, rows)
        folder = tmp_path / f"{seed}{kind}"
        path = worlds.write(folder, given, past, answers, rng, kind)
        asked = {"cards": str(path), "model": str(tiny.bundle), "history": str(folder / "data"), "key": key}
        return rng, asked, given

    return make


@pytest.mark.parametrize("kind", ["parquet", "csv", "folder"])
def test_pieces_give_the_bytes_of_the_whole(job, kind, tmp_path, full_or, capsys):
    rows = full_or(150, 60)
    for seed in range(full_or(40, 1)):
        rng, asked, given = job(seed, kind, rows)
        suffix = "csv" if kind == "csv" else "parquet"
        whole, pieces = tmp_path / f"{seed}.{suffix}", tmp_path / f"{seed}b.{suffix}"
        if kind == "folder":
            given.to_parquet(tmp_path / "one.parquet")
        one = {**asked, "cards": str(tmp_path / "one.parquet")} if kind == "folder" else asked
        code = run(**one, out=str(whole), limits=WHOLE, reasons="all")
        assert run(**asked, out=str(pieces), limits=tiny_limits(rng, rows), workers=1, reasons="all") == code
        if kind == "folder":
            without_files(Path(f"{pieces}.quarantine"))
        assert files(pieces) == files(whole)
        assert f"{len(given):,} rows in = " in capsys.readouterr().out
        assert not folder_of(pieces).exists()


def test_history_that_breaks_a_rule_is_told_on_both_roads(job, tmp_path):
    _, asked, _ = job(3, rows=60)
    folder = Path(asked["history"])
    past = pd.read_parquet(folder / "submissions.parquet")
    past.assign(submission_id=past["submission_id"].where(~np.isin(np.arange(len(past)), [3, 40]))).to_parquet(
        folder / "submissions.parquet"
    )
    answers = pd.read_csv(folder / "outcomes.csv", dtype="str")
    answers.assign(status=answers["status"].where(~np.isin(np.arange(len(answers)), [3, 40]), "")).to_csv(
        folder / "outcomes.csv", index=False
    )
    told = []
    for limits in (WHOLE, Limits(piece=20, part=400, small=0)):
        with pytest.warns(QuarantineWarning) as said:
            run(**asked, out=str(tmp_path / "a.parquet"), limits=limits, workers=1, reasons="none")
        told.append(sorted(str(each.message) for each in said))
    assert told[0] == told[1]
    assert [line.partition(":")[0] for line in told[0]] == ["history outcomes", "history submissions"]
    assert all("(missing_required 2)" in line for line in told[0])


def test_no_more_events_of_a_key_are_held_than_a_part_may_have(job, tmp_path, monkeypatch):
    _, asked, _ = job(6, rows=60)
    held, walked, plain, large = [], [], keying.compute_part, keying.compute_large

    def watched(part, events, answers):
        held.append(len(events["seq"]))
        return plain(part, events, answers)

    def walks(part, events, answers, scratch, block):
        walked.append(block)
        return large(part, events, answers, scratch, block)

    monkeypatch.setattr(keying, "compute_part", watched)
    monkeypatch.setattr(keying, "compute_large", walks)
    for part in (60, 120):
        run(**asked, out=str(tmp_path / "a.parquet"), limits=Limits(50, part, 0), workers=1, reasons="none")
        assert held
        assert walked
        assert max(held) <= part
        assert max(walked) <= part
        held.clear()
        walked.clear()


def test_cards_of_which_none_is_answered_are_walked_from_disk_beside_answered_ones(job, tmp_path):
    _, asked, _ = job(8, rows=60)
    folder = Path(asked["history"])
    past = pd.read_parquet(folder / "submissions.parquet").drop_duplicates("submission_id")
    known = past["received_at"].fillna(past["submitted_at"])
    past = past.iloc[known.argsort(kind="stable")]
    past.to_parquet(folder / "submissions.parquet")
    for first in (0, 30):  # those of the first piece, and those of the table scored and others
        told = past.iloc[first : first + 25]
        at = pd.date_range(known.max(), periods=len(told), freq="min").astype(str)
        answers = pd.DataFrame({"submission_id": told["submission_id"], "answered_at": at, "status": "failed"})
        answers.to_csv(folder / "outcomes.csv", index=False)
        run(**asked, out=str(tmp_path / "a.parquet"), limits=WHOLE, reasons="none")
        run(**asked, out=str(tmp_path / "b.parquet"), limits=Limits(30, 7, 0), workers=1, reasons="none")
        assert files(tmp_path / "a.parquet") == files(tmp_path / "b.parquet")


def test_two_processes_give_the_bytes_of_one(job, tmp_path):
    _, asked, _ = job(1, rows=60)
    limits = Limits(piece=40, part=400, small=0)
    run(**asked, out=str(tmp_path / "a.parquet"), limits=limits, workers=1, reasons="none")
    run(**asked, out=str(tmp_path / "b.parquet"), limits=limits, workers=2, reasons="none")
    assert files(tmp_path / "a.parquet") == files(tmp_path / "b.parquet")


def test_codes_that_a_spreadsheet_rounded_are_judged_by_the_whole_column(job, tmp_path, full_or):
    _, asked, given = job(2, rows=full_or(150, 50))
    given["card_no"] = "123456789012345678"
    given.loc[:8, "card_no"] = "123456789012345000"  # nine in one piece: suspicious alone, chance in the whole
    for share, name in ((0.0, "few"), (0.9, "most")):
        given.loc[: int(share * len(given)) + 8, "card_no"] = "123456789012345000"
        given.to_parquet(tmp_path / f"{name}.parquet", row_group_size=9)
        own = {**asked, "cards": str(tmp_path / f"{name}.parquet")}
        run(**own, out=str(tmp_path / "a.parquet"), limits=WHOLE, reasons="none")
        run(**own, out=str(tmp_path / "b.parquet"), limits=Limits(9, 500, 0), workers=1, reasons="none")
        assert files(tmp_path / "a.parquet") == files(tmp_path / "b.parquet"), name


def test_a_job_without_a_key_shares_one_among_its_processes(job, tmp_path, monkeypatch):
    from cardrisk.codes import NoKeyWarning

    monkeypatch.delenv("CARDRISK_KEY", raising=False)
    _, asked, _ = job(3, rows=60)
    asked.pop("key")
    with pytest.warns(NoKeyWarning):
        run(**asked, out=str(tmp_path / "a.parquet"), limits=WHOLE, reasons="none")
    with pytest.warns(NoKeyWarning, match="starts anew"):
        run(**asked, out=str(tmp_path / "b.parquet"), limits=Limits(40, 400, 0), workers=1, reasons="none")
    assert files(tmp_path / "a.parquet") == files(tmp_path / "b.parquet")


def test_two_jobs_never_write_one_output(job, tmp_path):
    _, asked, _ = job(4, rows=60)
    journal = Journal(tmp_path / "a.parquet")
    with pytest.raises(InputError, match="another job is writing it"):
        run(**asked, out=str(tmp_path / "a.parquet"), limits=Limits(40, 400, 0), workers=1)
    journal.release()


def test_input_that_is_no_table_leaves_nothing_behind(job, tmp_path):
    _, asked, given = job(5, rows=60)
    out = tmp_path / "out" / "a.parquet"
    (tmp_path / "empty").mkdir()
    given.iloc[:0].to_parquet(tmp_path / "none.parquet")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    said = {"empty": "none in it", "none.parquet": "got no row", "away.csv": "cannot be read", "loop.csv": "symbolic"}
    for name, match in said.items():
        with pytest.raises(UnusableFileError, match=match):
            run(**{**asked, "cards": str(tmp_path / name)}, out=str(out), limits=Limits(40, 400, 0), workers=1)
        assert not out.parent.exists() or not list(out.parent.iterdir())


@pytest.mark.parametrize(
    "place", ["cards.parquet", "history/submissions.parquet", "history/x.csv", "cards.parquet/x.csv"]
)
def test_an_output_that_would_harm_what_is_read_is_refused_before_the_work(job, tmp_path, place):
    _, asked, given = job(9, rows=20)
    shutil.copytree(asked["history"], tmp_path / "here" / "history")
    cards, history = tmp_path / "here" / "cards.parquet", tmp_path / "here" / "history"
    given.to_parquet(cards)
    before = {path: path.read_bytes() for path in cards.parent.rglob("*.parquet")}
    asked |= {"cards": str(cards), "history": str(history)}
    with pytest.raises(InputError, match="--out"):
        run(**asked, out=str(cards.parent / place))
    with pytest.raises(InputError, match="outside the cards"):
        run(**asked | {"cards": str(cards.parent)}, out=str(cards.with_name("next.parquet")))
    assert {path: path.read_bytes() for path in cards.parent.rglob("*.parquet")} == before
