"""Spark with two worker processes: the bits of one process, and nothing left behind that holds a code."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cardrisk
from cardrisk.codes import intake
from cardrisk.errors import (
    InputError,
    KeyMaterialError,
    MissingColumnError,
    MissingExtraError,
    QuarantineWarning,
    TimeZoneError,
)
from cardrisk.features import FEATURES, compute
from cardrisk.jobs import spark as engine
from cardrisk.jobs.spark.session import need_java, need_spark
from cardrisk.jobs.spark.take import taking
from cardrisk.jobs.spark.work import Work
from cardrisk.tables import check_outcomes, check_submissions
from tests.canary import Canaries
from tests.conftest import KEY, TEST_ALL
from tests.jobs import roads
from tests.jobs.spark_cluster import cluster, why_not
from tests.jobs.test_spark_tasks import assert_same, refused, untidy

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=f"Spark cannot run here: {why_not()}"),
    pytest.mark.timeout(1_800),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def spark(folder) -> Any:
    master = "local-cluster[2,1,1024]" if TEST_ALL else "local[2]"
    with cluster(folder / "spark", master, plain=not TEST_ALL) as session:
        yield session


@pytest.fixture(scope="module")
def key_file(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_text(KEY)
    return str(path)


@pytest.fixture(scope="module")
def planted(tiny) -> tuple[Canaries, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Untidy tables whose codes are canaries."""
    canaries = Canaries(1_800)
    cards, past, told = untidy(tiny, 7)
    both = canaries.plant(pd.concat([cards, past], ignore_index=True))
    return canaries, both[: len(cards)], both[len(cards) :].reset_index(drop=True), told


@pytest.fixture(scope="module")
def tables(spark, planted, folder) -> Any:
    """The same tables as Spark reads them: Parquet of several row groups."""
    place = folder / "tables"
    place.mkdir()
    for name, frame in zip(("cards", "past", "told"), planted[1:], strict=True):
        frame.assign(n=np.arange(len(frame))).to_parquet(place / f"{name}.parquet", row_group_size=200, index=False)
    return lambda name: spark.read.parquet(str(place / f"{name}.parquet"))


def test_scores_are_those_of_one_process_and_nothing_holds_a_code(
    tiny, planted, tables, key_file, folder, monkeypatch
) -> None:
    from cardrisk.jobs.spark import deal
    from cardrisk.scoring import score_checked

    monkeypatch.setattr(deal, "SMALLEST", 400)
    canaries, cards, past, told = planted
    expected, rows = score_checked(cards, model=str(tiny.bundle), history=(past, told), key=key_file)
    result = engine.score_checked(
        tables("cards"),
        model=str(tiny.bundle),
        history=(tables("past"), tables("told")),
        key=key_file,
        order="n",
        tasks=2,
        chunk=600,
    )
    got = result.table.toArrow().to_pandas()
    assert_same(got, expected)
    pd.testing.assert_frame_equal(refused(got), rows, check_dtype=False)
    assert result.load["pid"].nunique() >= 2
    features = result.load[result.load["stage"] == "features"]
    assert features["pid"].nunique() >= 2
    assert set(result.load["stage"]) == {"intake", "ids", "facts", "features"}
    left = [path for path in (folder / "spark").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in left) > 100_000, "there is something to scan"
    assert canaries.scan(folder / "spark") == []
    assert canaries.scan(result.table._jdf.queryExecution().toString()) == []
    result.table.unpersist()


def test_one_by_one_a_batch_and_spark_are_the_same_bits_with_answers_in_between(
    spark, tiny, key_file, folder, full_or
) -> None:
    """The answers of the first cards are known to the last ones: they were given after the history ended."""
    cards, past, told = roads.stream(tiny, full_or(100_000, 500))
    assert told["answered_at"].between(*cards["submitted_at"].iloc[[0, -1]]).sum() > len(cards) // 10
    model, place = str(tiny.bundle), folder / "roads"
    expected = cardrisk.score(cards, model=model, history=(past, told), key=key_file)
    row = np.arange(len(cards))
    assert_same(roads.in_pieces(model, key_file, cards, past, told, place).assign(row=row), expected)
    assert_same(roads.one_by_one(model, key_file, cards, past, told).assign(row=row), expected)
    cards.assign(n=row).to_parquet(place / "numbered.parquet", row_group_size=len(cards) // 5, index=False)
    names = ("numbered.parquet", "data/submissions.parquet", "data/outcomes.parquet")
    given, *history = (spark.read.parquet(str(place / name)) for name in names)
    found = engine.score(given, model=model, history=tuple(history), key=key_file, order="n", tasks=full_or(4, 2))
    assert_same(found.toArrow().to_pandas(), expected)
    found.unpersist()


def test_training_features_are_those_of_one_process(planted, tables, key_file) -> None:
    _, cards, past, told = planted
    now, then = (intake(check_submissions(table).valid, key=key_file) for table in (cards, past))
    chosen = FEATURES.select(FEATURES.names[::7])
    expected = compute(now, check_outcomes(told).valid, history=(then, check_outcomes(told[:0]).valid), features=chosen)
    past_told = tables("told").limit(0)
    history = (tables("past"), past_told)
    given = {"history": history, "features": chosen, "key": key_file, "order": "n", "tasks": 2}
    with pytest.warns(QuarantineWarning, match=r"^submissions: 12 of \d+ rows break a rule and are left out"):
        found = engine.features(tables("cards"), tables("told"), **given)
    got = found.toArrow().to_pandas()
    assert_same(got, expected.reset_index(drop=True))


@pytest.mark.parametrize("kind", ["parquet", "csv", "folder", "folder of csv"] if TEST_ALL else ["folder of csv"])
def test_files_have_the_bytes_of_the_local_engine(kind, spark, tiny, planted, key_file, tmp_path, monkeypatch) -> None:
    from cardrisk.jobs import score

    monkeypatch.setenv("CARDRISK_KEY", KEY)
    _, cards, past, told = planted
    suffix = "csv" if "csv" in kind else "parquet"
    given = tmp_path / ("cards" if "folder" in kind else f"cards.{suffix}")
    if "folder" in kind:
        given.mkdir()
    files = [given / f"{i}.{suffix}" for i in range(3)] if "folder" in kind else [given]
    data = tmp_path / "data"
    data.mkdir()
    past = past.assign(submission_id=past["submission_id"].where(~np.isin(np.arange(len(past)), [3, 400])))
    told = told.assign(status=told["status"].where(~np.isin(np.arange(len(told)), [3, 40, 500])))
    past.to_parquet(data / "submissions.parquet", row_group_size=250, index=False)
    told.to_parquet(data / "outcomes.parquet", index=False)
    for path, rows in zip(files, np.array_split(np.arange(len(cards)), len(files)), strict=True):
        some = cards.iloc[rows]
        some.to_parquet(path, row_group_size=250) if suffix == "parquet" else some.to_csv(path, index=False)
    same = {"cards": str(given), "model": str(tiny.bundle), "history": str(data)}
    left_out = []
    for run, out, more in ((score.run, "local", {}), (engine.run, "spark", {"key": key_file, "tasks": 2})):
        with pytest.warns(QuarantineWarning) as said:
            assert run(**same, **more, out=str(tmp_path / f"{out}.{suffix}")) == 1
        left_out.append(sorted(str(each.message) for each in said if each.category is QuarantineWarning))
    assert left_out[0] == left_out[1]
    assert [line.rpartition("(")[2] for line in left_out[0]] == ["missing_required 3)", "missing_required 2)"]
    for end in (suffix, f"{suffix}.quarantine"):
        assert (tmp_path / f"spark.{end}").read_bytes() == (tmp_path / f"local.{end}").read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "nothing but the output is left"


def test_a_worker_without_a_key_is_refused_in_one_line(spark, tables, tiny) -> None:
    assert "CARDRISK_KEY" not in os.environ
    with pytest.raises(KeyMaterialError, match="Spark workers: expected a token key, got none") as caught:
        engine.score(tables("cards"), model=str(tiny.bundle), tasks=2)
    assert caught.value.__context__ is None
    assert "\n" not in str(caught.value)


def test_an_error_on_a_worker_is_told_in_one_line_without_its_values(spark, tables, tiny, key_file) -> None:
    from pyspark.sql import functions as F

    naive = tables("cards").withColumn("submitted_at", F.concat(F.lit("2026-01-05 08:00:0"), F.lit("1")))
    with pytest.raises(TimeZoneError, match=r"^submitted_at: expected times with a zone"):
        engine.score(naive, model=str(tiny.bundle), key=key_file, tasks=2)


def test_an_error_in_a_file_is_told_with_its_name(spark, tiny, planted, key_file, tmp_path) -> None:
    cards = planted[1].iloc[:40]
    (tmp_path / "cards").mkdir()
    cards.to_csv(tmp_path / "cards" / "a.csv", index=False)
    naive = cards.assign(submitted_at=cards["submitted_at"].astype("str").str[:19])
    naive.to_csv(tmp_path / "cards" / "b.csv", index=False)
    given = {"cards": str(tmp_path / "cards"), "model": str(tiny.bundle), "history": None, "key": key_file}
    with pytest.raises(TimeZoneError, match=r"^b\.csv: submitted_at: expected times with a zone"):
        engine.run(**given, out=str(tmp_path / "out.csv"), tasks=2)
    assert not (tmp_path / "out.csv").exists()


def test_what_cannot_work_is_refused_before_any_task(spark, tables, tiny, key_file) -> None:
    cards = tables("cards")
    with pytest.raises(MissingColumnError, match="submitted_at"):
        engine.score(cards.drop("submitted_at"), model=str(tiny.bundle), key=key_file)
    with pytest.raises(InputError, match="df: expected a Spark DataFrame, got DataFrame"):
        engine.score(tiny.late, model=str(tiny.bundle), key=key_file)
    with pytest.raises(InputError, match="order: expected one of the table's columns, got 'row_number'"):
        engine.score(cards, model=str(tiny.bundle), key=key_file, order="row_number")
    with pytest.raises(InputError, match=r"key: expected the path of a file .*, got bytes"):
        engine.score(cards, model=str(tiny.bundle), key=KEY.encode())
    with pytest.raises(InputError, match=r"key: expected the path of a file .*, got function"):
        engine.score(cards, model=str(tiny.bundle), key=lambda: KEY.encode())
    with pytest.raises(InputError, match="reasons: expected 'stopped', 'all' or 'none', got 'some'"):
        engine.score(cards, model=str(tiny.bundle), key=key_file, reasons="some")
    assert engine.features.__doc__
    assert cardrisk.score.__doc__


def test_what_is_shipped_to_workers_holds_no_key(key_file, monkeypatch) -> None:
    from pyspark import cloudpickle

    monkeypatch.setenv("CARDRISK_KEY", KEY)
    work = Work(FEATURES, key_file)
    work.intake(pd.DataFrame({"card_no": ["1"]}))  # the boundary with its key stays in its process
    shipped = cloudpickle.dumps(taking(work, asks=True, groups=2, rounded=frozenset()))
    assert KEY.encode() not in shipped
    assert key_file.encode() in shipped
    from cardrisk.codes.keys import Key

    assert Key(KEY).id.encode() not in shipped


def test_missing_pieces_are_named_with_what_to_do(monkeypatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cardrisk\[spark\]'"):
        need_spark()
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(MissingExtraError, match="expected a Java runtime, got none"):
        need_java()
