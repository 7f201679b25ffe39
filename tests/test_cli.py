"""The command line: exit 0, 1 or 2, one clear line for bad input, never a traceback, never a half-written output."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cardrisk.cli import main
from cardrisk.errors import QuarantineWarning, TrainingWarning
from cardrisk.risk import load_model, train

EXPORTS = Path(__file__).parent / "data" / "exports"
CARDS = [spec for spec in sorted((EXPORTS / "expected").glob("*.json")) if (EXPORTS / spec.stem).exists()]
BATCH_TEXT = ["--kind", "china_mobile", "--face-value", "100", "--submitter", "u1"]
BATCH_TEXT += ["--submitted-at", "2026-01-05T08:00:00+08:00"]
KEY = "a key for tests alone, 0123456789 abcdefghij"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDRISK_KEY", KEY)


@pytest.fixture(scope="module")
def data(tiny, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tiny.early.to_parquet(folder / "submissions.parquet")
    tiny.outcomes.to_parquet(folder / "outcomes.parquet")
    return folder


@pytest.fixture(scope="module")
def few(tiny, tmp_path_factory) -> Path:
    """DATA of the newest 1,500 cards: enough to train on, and quick."""
    folder = tmp_path_factory.mktemp("few")
    tiny.early.tail(1_500).to_parquet(folder / "submissions.parquet")
    tiny.outcomes.to_parquet(folder / "outcomes.parquet")
    return folder


def refuse(capsys, *argv: str) -> str:
    """Run, expect exit 2 and exactly one line on standard error after progress; give that line."""
    assert main(argv) == 2
    said = capsys.readouterr().err.splitlines()
    lines = [line for line in said if line.startswith("cardrisk: ")]
    assert len(lines) == 1
    assert not [line for line in said if "Traceback" in line]
    return lines[0]


def test_scoring_a_table_writes_everything_and_says_how_many(tiny, data, tmp_path, capsys) -> None:
    cards, out = tmp_path / "cards.parquet", tmp_path / "scores.parquet"
    tiny.late.head(120).to_parquet(cards)
    argv = ["score", str(cards), "--model", str(tiny.bundle), "--history", str(data), "--out", str(out)]
    assert main(argv) == 0
    assert "120 rows in = 120 scored + 0 quarantined" in capsys.readouterr().out
    scores = pd.read_parquet(out)
    assert len(scores) == 120
    assert len(pd.read_csv(f"{out}.quarantine")) == 0


@pytest.mark.parametrize("spec", CARDS, ids=lambda p: p.stem)
def test_every_export_file_is_scored_and_quarantined_whole(spec, tiny, tmp_path, capsys) -> None:
    file = EXPORTS / spec.stem
    expected = json.loads(spec.read_text())
    out = tmp_path / "scores.csv"
    options = BATCH_TEXT if file.suffix == ".txt" else ["--tz", "Asia/Shanghai"]
    code = main(["score", str(file), "--model", str(tiny.bundle), "--out", str(out), *options])
    capsys.readouterr()
    assert code == (1 if expected["quarantined"] else 0)
    scores, refused = pd.read_csv(out), pd.read_csv(f"{out}.quarantine")
    assert len(scores) == expected["rows"]
    assert scores["p_fail"].notna().sum() == expected["scored"]
    assert {str(row): rule for row, rule in zip(refused["row"], refused["rule"], strict=True)} == expected[
        "quarantined"
    ]


def test_bad_input_is_one_line_and_leaves_nothing_behind(tiny, tmp_path, capsys) -> None:
    out = tmp_path / "out" / "scores.parquet"
    files = {
        "empty.csv": b"",
        "header.csv": b"submission_id,submitted_at,submitter_id\n",
        "lacks.csv": b"submission_id,submitter_id\na,b\n",
        "noentity.csv": b"submission_id,submitted_at\na,2026-01-05T00:00:00Z\n",
        "notparquet.parquet": b"submission_id,submitted_at\n",
        "picture.csv": b"\x89PNG\r\n\x1a\n" + bytes(200),
        "naive.csv": b"submission_id,submitted_at,submitter_id\na,2026-01-05 00:00:00,u\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    for name in [*files, "folder", "absent.csv"]:
        line = refuse(capsys, "score", str(tmp_path / name), "--model", str(tiny.bundle), "--out", str(out))
        assert "expected" in line or "cannot be read" in line, line
        assert not out.parent.exists() or not list(out.parent.iterdir()), name


def test_rows_that_cannot_be_cards_are_quarantined_by_rule(tiny, tmp_path, capsys) -> None:
    rows = [
        "a,2026-01-05T00:00:00Z,u,100",
        "b,9999-12-31T00:00:00Z,u,100",
        "c,2026-01-05T00:00:00Z,u,-1",
        "d,2026-01-05T00:00:00Z,u,inf",
        "e,2026-01-05T00:00:00Z,u,nan",
        "f,never,u,100",
        ",2026-01-05T00:00:00Z,u,100",
    ]
    cards, out = tmp_path / "cards.csv", tmp_path / "scores.csv"
    cards.write_text("submission_id,submitted_at,submitter_id,face_value\n" + "\n".join(rows) + "\n")
    assert main(["score", str(cards), "--model", str(tiny.bundle), "--out", str(out)]) == 1
    scores = pd.read_csv(out)
    assert scores["p_fail"].notna().tolist() == [True, False, False, False, True, False, False]
    assert scores["rule"].notna().sum() == 5
    assert (scores.loc[scores["rule"].notna(), "decision"] == "hold").all()


def test_an_output_that_cannot_be_written_is_refused_before_work(tiny, tmp_path, capsys) -> None:
    line = refuse(capsys, "score", "x.csv", "--model", str(tiny.bundle), "--out", str(tmp_path / "scores.xlsx"))
    assert "--out: expected a name ending in .parquet or .csv, got 'scores.xlsx'" in line


def test_models_that_are_none_are_refused(tmp_path, capsys) -> None:
    cards = tmp_path / "cards.csv"
    cards.write_text("submission_id,submitted_at,submitter_id\na,2026-01-05T00:00:00Z,u\n")
    line = refuse(capsys, "score", str(cards), "--model", str(tmp_path), "--out", str(tmp_path / "o.csv"))
    assert "bundle" in line


def test_generate_train_evaluate_and_check_run_as_documented(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    size = ["--days", "15", "--scale", "0.001", "--seed", "3"]
    assert main(["generate", *size, "--out", "world"]) == 0
    written = {p.name for p in Path("world").iterdir()}
    assert written >= {"submissions.parquet", "outcomes.parquet", "truth.parquet", "manifest.json"}
    assert main(["train", "world", "--out", "model", "--no-track"]) == 0
    assert main(["evaluate", "model", "world", "--out", "figures"]) == 0
    assert "average_precision" in capsys.readouterr().out
    assert json.loads(Path("figures/metrics.json").read_text())["average_precision"] > 0
    assert main(["report", "model", "world", "--out", "page.html"]) == 0
    assert Path("page.html").read_text().startswith("<!doctype html>")


def test_training_on_what_is_hardly_meant_so_is_told_of_alike(tiny, tmp_path, capsys, monkeypatch) -> None:
    cards, answers = tiny.early.tail(400), tiny.outcomes
    answers = answers[answers["submission_id"].isin(cards["submission_id"])].copy()
    few = answers.index[answers["status"] == "success"][:2]
    answers.loc[few, "answered_at"] += pd.Timedelta(days=3_650)
    pd.concat([cards, cards.tail(3)]).to_parquet(tmp_path / "submissions.parquet")
    answers.to_parquet(tmp_path / "outcomes.parquet")
    checks, module = [], sys.modules["cardrisk.tables.check"]
    plain = module.check
    monkeypatch.setattr(module, "check", lambda *a, **more: checks.append(a[1].name) or plain(*a, **more))
    assert main(["train", str(tmp_path), "--out", str(tmp_path / "model"), "--no-track"]) == 0
    assert checks == ["submissions", "outcomes"], "each table is checked once"
    told = [line.removeprefix("warning: ") for line in capsys.readouterr().err.splitlines() if line[:7] == "warning"]
    assert len(told) == 3
    repeated, far, failures = told
    assert repeated == "3 of 403 submissions repeat a submission_id; the first of each counts"
    assert far.startswith(f"2 of {len(answers):,} answers are dated more than 90 days from their card and count")
    assert "cards failed, expected 100 or more" in failures
    with pytest.warns(TrainingWarning) as said:
        train(pd.concat([cards, cards.tail(3)]), answers, params={"rounds": 2, "cause_rounds": 1})
    assert [str(each.message) for each in said] == told
    assert {each.filename for each in said} == {__file__}, "they point at the call"


def test_a_report_is_a_page(tmp_path, capsys) -> None:
    assert ".html" in refuse(capsys, "report", "model", "world", "--out", str(tmp_path / "page.pdf"))


def test_rolling_writes_one_row_a_moment_and_the_pictures(tiny, few, tmp_path, capsys) -> None:
    out = tmp_path / "rolling"
    assert main(["rolling", str(few), "--folds", "2", "--first-share", "0.6", "--out", str(out)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[:2] == ["fold", "start"]
    folds = pd.read_parquet(out / "folds.parquet")
    assert len(folds) == len(printed) - 1 == 2
    assert (folds["trained"].diff().dropna() > 0).all()
    assert folds["tested"].sum() == len(pd.read_parquet(out / "scored.parquet"))
    assert {"folds.png", "metrics.json"} <= {path.name for path in out.iterdir()}
    assert "folds" in refuse(capsys, "rolling", str(few), "--folds", "0")


def test_training_weighs_cards_by_the_chances_that_scoring_recorded(tiny, few, tmp_path, capsys) -> None:
    """Cards let through one time in five weigh five times: the same model as that of the call, another than without."""
    cards = tiny.early.tail(1_500)
    ids = cards["submission_id"]
    chances = pd.Series(np.where(np.arange(len(ids)) % 3, 1.0, 0.2), index=ids, name="propensity")
    scores = tmp_path / "scores.csv"
    chances.reset_index().to_csv(scores, index=False)
    keep = ["--no-track", "--out"]
    assert main(["train", str(few), "--propensity", str(scores), *keep, str(tmp_path / "weighed")]) == 0
    weighed = load_model(tmp_path / "weighed")
    assert weighed.version == train(cards, tiny.outcomes, propensity=chances).version
    assert main(["train", str(few), *keep, str(tmp_path / "plain")]) == 0
    assert weighed.version != load_model(tmp_path / "plain").version
    pd.DataFrame({"submission_id": ids}).to_csv(scores, index=False)
    line = refuse(capsys, "train", str(few), "--propensity", str(scores), *keep, str(tmp_path / "none"))
    assert "propensity is not there" in line
    assert not (tmp_path / "none").exists()


def test_training_and_measuring_name_the_rows_they_leave_out(tiny, tmp_path, capsys) -> None:
    """Two answers of no known status and one card without a moment: said, named in a file, exit 1."""
    cards, answers, spoiled = tiny.early.tail(1_500), tiny.outcomes, tmp_path / "spoiled"
    spoiled.mkdir()
    cards.assign(submitted_at=cards["submitted_at"].where(np.arange(len(cards)) != 5)).to_parquet(
        spoiled / "submissions.parquet"
    )
    answers = answers.assign(status=answers["status"].where(np.arange(len(answers)) > 1, "lost"))
    answers.to_parquet(spoiled / "outcomes.parquet")
    out = tmp_path / "model"
    assert main(["train", str(spoiled), "--no-track", "--out", str(out)]) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert [line.split(":")[1].strip() for line in said] == ["submissions", "outcomes"]
    named = pd.read_csv(tmp_path / "model.quarantine")
    assert named.groupby("table")["row"].agg(list).to_dict() == {"outcomes": [0, 1], "submissions": [5]}
    assert main(["evaluate", str(out), str(spoiled), "--out", str(tmp_path / "figures")]) == 1
    assert len(pd.read_csv(tmp_path / "figures.quarantine")) == 3
    scores = tmp_path / "scores.parquet"
    assert main(["score", str(spoiled / "submissions.parquet"), "--model", str(out), "--out", str(scores)]) == 1
    capsys.readouterr()
    assert main(["monitor", str(scores), str(spoiled), "--maturity", "1000"]) == 1
    told = capsys.readouterr()
    assert "nothing needs a person" in told.out
    assert "warning: outcomes: 2 of" in told.err
    with pytest.warns(QuarantineWarning, match="outcomes: 2 of"):
        train(cards, answers, params={"rounds": 2, "cause_rounds": 1})


def test_check_reads_standard_input_and_never_an_argument() -> None:
    run = [sys.executable, "-m", "cardrisk", "check", "--kind", "jd_ecard"]
    done = subprocess.run(run, input="ABCD-EFGH-JKLM-NPQ\n", capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stdout
    assert "ABCD" not in done.stdout
    whole = "ABCD-EFGH-JKLM-NPQR\n"
    for more, code in (([], 0), (["--doubt"], 1)):  # nothing breaks the shape: only doubt asks
        done = subprocess.run([*run, *more], input=whole, capture_output=True, text=True)
        assert (done.returncode, bool(done.stdout)) == (code, bool(code)), done.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_check_reads_what_sellers_send(tmp_path, capsys, encoding) -> None:
    (tmp_path / "cards.txt").write_text("卡号 卡密\n卡号：1234567890123456 卡密：9876543S\n", encoding=encoding)
    assert main(["check", str(tmp_path / "cards.txt"), "--kind", "zhengtu", "--language", "zh"]) == 1
    assert capsys.readouterr().out == "2: 卡密第8位：是5还是S？\n"


def test_a_code_typed_as_an_argument_is_not_said_back(capsys) -> None:
    line = refuse(capsys, "check", "1234567890123456")
    assert "123456" not in line
    assert "standard input" in line
    assert "none.txt" in refuse(capsys, "check", "none.txt")


def test_help_is_quick_and_every_command_is_described(capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for name in ("demo", "generate", "train", "evaluate", "rolling", "score", "check", "report", "promote", "monitor"):
        assert f"\n    {name} " in text
    assert "\n    replay " in text
