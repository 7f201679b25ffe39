"""What the whole road leaves behind: fit, bundle, MLflow, scores, quarantine, report, command line."""

import io
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

import pandas as pd

import cardrisk
from cardrisk.cli import main
from cardrisk.errors import InputError
from tests.canary import Planted, surface

KEY = "a key for the scan alone, 0123456789 abcdefghij"
SMALL = {"rounds": 15, "cause_rounds": 2, "num_leaves": 7}


def _model(planted: Planted) -> cardrisk.RiskModel:
    return cardrisk.train(planted.submissions, planted.outcomes, key=lambda: KEY.encode(), params=SMALL, threads=1)


@surface("a trained model, its bundle, its evaluation and its run in MLflow")
def learnt(planted: Planted) -> Iterator[Any]:
    from cardrisk.pictures import evaluation_pictures
    from cardrisk.report import Section, page

    model = _model(planted)
    yield "repr", repr(model)
    model.save(planted.tmp / "bundle")
    report = cardrisk.evaluate(model, planted.submissions, planted.outcomes, key=lambda: KEY.encode(), bootstrap=0)
    for name, frame in report.frames.items():
        frame.to_csv(planted.tmp / f"{name}.csv")
    section = Section("figures", table=report.frames["scored"].head(200), pictures=evaluation_pictures(report))
    (planted.tmp / "page.html").write_text(page("scan", [section]))
    cardrisk.track(model, report, register="scan", store=f"sqlite:///{planted.tmp}/mlflow.db")
    yield "everything on disk", planted.tmp


@surface("the command line at DEBUG: scores, quarantine, hints and refusals")
def command_line(planted: Planted) -> Iterator[Any]:
    model = _model(planted)
    model.save(planted.tmp / "bundle")
    given = planted.tmp.parent / f"{planted.tmp.name}-input"
    given.mkdir()
    broken = planted.submissions.astype(object).where(planted.submissions.notna(), "")
    broken.iloc[::7, broken.columns.get_loc("face_value")] = "-1"
    # codes in the wrong column, mangled and with formulas in front: what leaves of them is the rule alone
    broken.iloc[1::7, broken.columns.get_loc("submitted_at")] = broken["card_secret"].iloc[1::7]
    broken.iloc[2::7, broken.columns.get_loc("channel")] = "=" + broken["card_no"].iloc[2::7]
    broken.to_csv(given / "cards.csv", index=False)
    lines = planted.submissions[["card_no", "card_secret"]].head(500)
    lines.to_csv(given / "codes.txt", sep=" ", index=False, header=False)
    said = io.StringIO()
    root = logging.getLogger()
    level = root.level
    with mock.patch.dict(os.environ, CARDRISK_KEY=KEY), redirect_stdout(said), redirect_stderr(said):
        root.setLevel(logging.DEBUG)
        try:
            out = str(planted.tmp / "scores.csv")
            main(["score", str(given / "cards.csv"), "--model", str(planted.tmp / "bundle"), "--out", out])
            main(["check", str(given / "codes.txt"), "--kind", "china_mobile"])
            main(["score", str(given / "codes.txt"), "--kind", "no such kind", "--out", f"{planted.tmp}/batch.parquet"])
            main(["score", str(given), "--out", out])
        finally:
            root.setLevel(level)
    yield "said", said.getvalue()
    yield "written", planted.tmp
    yield "read back", pd.read_csv(out).to_csv()


@surface("the folder of a large job that was interrupted, and its output")
def large_job(planted: Planted) -> Iterator[Any]:
    from cardrisk.jobs.batch import run
    from cardrisk.jobs.batch.box import Box
    from cardrisk.jobs.batch.columns import stacked
    from cardrisk.jobs.batch.context import Limits
    from cardrisk.jobs.batch.journal import folder_of
    from cardrisk.jobs.batch.pool import LostWorkerError
    from cardrisk.jobs.score import run as score

    model = _model(planted)
    model.save(planted.tmp / "bundle")
    given = planted.tmp.parent / f"{planted.tmp.name}-input"
    given.mkdir()
    broken = planted.submissions.head(2_000).astype(object).where(planted.submissions.head(2_000).notna(), "")
    broken.iloc[1::7, broken.columns.get_loc("submitted_at")] = broken["card_secret"].iloc[1::7]
    broken.to_csv(given / "cards.csv", index=False)
    broken.to_csv(given / "headless.csv", index=False, header=False)
    out, said = planted.tmp / "scores.csv", io.StringIO()
    asked = {"model": str(planted.tmp / "bundle"), "history": None, "out": str(out), "key": lambda: KEY.encode()}
    limits = Limits(piece=700, part=1_500, small=0)
    with redirect_stdout(said), redirect_stderr(said):
        with mock.patch.object(run._Job, "_assemble", side_effect=LostWorkerError("as if killed")):
            for name in ("headless.csv", "cards.csv"):
                try:
                    score(cards=str(given / name), limits=limits, workers=1, reasons="none", **asked)
                except (LostWorkerError, InputError) as error:
                    yield "refused", str(error)
        for path in folder_of(out).rglob("*.box"):
            box = Box(path)
            yield path.name, str(box.note)
            for name in box.names():
                read = [pd.DataFrame(stacked([one])) for one in box.stretches(name)[0]] or [box.read(name)]
                yield name, [table.to_csv() for table in read]
        shutil.copytree(folder_of(out), planted.tmp / "left behind")  # the job goes on in the folder and removes it
        score(cards=str(given / "cards.csv"), limits=limits, workers=1, reasons="none", **asked)
    assert "goes on" in said.getvalue()
    yield "said", said.getvalue()
    yield "written", planted.tmp


@surface("an executed notebook that takes in, looks at and scores cards, and fails once")
def notebook(planted: Planted) -> Iterator[Any]:
    import nbclient
    import nbformat

    given = planted.tmp.parent / f"{planted.tmp.name}-input"
    given.mkdir()
    planted.submissions.head(1_000).to_parquet(given / "cards.parquet")
    cells = [
        f"import pandas as pd, cardrisk\nkey = lambda: {KEY!r}.encode()",
        "from cardrisk.codes import Secret, check, intake; intake",
        f"cards = pd.read_parquet({str(given / 'cards.parquet')!r}); len(cards)",
        "intake(cards, key=key)",
        "cardrisk.score(cards, key=key)",
        "cardrisk.score(cards.assign(submitted_at=cards['card_secret']), key=key)['rule'].value_counts()",
        "Secret(cards['card_secret'].dropna().iloc[0])",
        "[check(card) for card in cards.head(50).to_dict('records')]",
        "cardrisk.score(cards.drop(columns='submitted_at'), key=key)",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbclient.NotebookClient(book, timeout=300, allow_errors=True).execute()
    outputs = [cell.outputs for cell in book.cells]
    # every cell shows something but the first, and only the last one fails: a scan of nothing would find nothing
    assert [bool(shown) for shown in outputs[1:]] == [True] * (len(cells) - 1)
    assert [any(o.output_type == "error" for o in shown) for shown in outputs] == [False] * (len(cells) - 1) + [True]
    yield "shown", str(outputs)
