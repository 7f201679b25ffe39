"""A run holds everything about the model and nothing about a card; MLflow is left as it was found."""

import json
import os
import shutil

import mlflow
import numpy as np
import pytest

from cardrisk.errors import InputError, StoreError
from cardrisk.registry import track, using
from cardrisk.registry.datasets import digest_of
from cardrisk.registry.track import describe

from . import conftest as made


def test_a_run_holds_settings_metrics_pictures_and_data_digests(tracked, store, good):
    with using(store) as client:
        run = client.get_run(tracked[1].run_id)
        files = {item.path for item in client.list_artifacts(run.info.run_id, "pictures")}
    assert run.data.params["by"] == "a test"
    assert run.data.params["data_digest"] == good.about["data_digest"]
    assert run.data.params["settings.params.rounds"] == "30"
    assert run.data.metrics["average_precision"] == 0.5
    assert run.data.metrics["held_out.auc"] == pytest.approx(good.about["metrics"]["auc"])
    assert "nothing" not in run.data.metrics
    assert files == {"pictures/calibration.png", "pictures/precision_recall.png"}
    inputs = {given.dataset.name: given.dataset for given in run.inputs.dataset_inputs}
    assert inputs["training"].digest == good.about["data_digest"][:32]
    assert json.loads(inputs["training"].profile)["labelled"] == good.about["cards"]["labelled"]
    assert set(inputs) == {"training", "evaluation"}


def test_the_registered_version_names_the_models_content(tracked, store, good, weak):
    with using(store) as client:
        for alias, model, version in (("champion", weak, "1"), ("challenger", good, "2")):
            record = client.get_model_version_by_alias("market", alias)
            assert record.tags["cardrisk.model"] == model.version
            assert str(record.version) == version


def test_no_code_person_or_row_is_in_the_store(tracked, folder):
    """The market's canary codes, its sellers and its cards: in no file MLflow wrote, the database included."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    for word in (made.CANARY_NUMBER, made.CANARY_SECRET, "seller-", "card-1"):
        for path in files:
            assert word.encode() not in path.read_bytes(), (word, path.name)


def test_nothing_is_pickled_and_the_bundle_is_whole(tracked, folder):
    place = folder / "mlartifacts" / "models" / tracked[1].model_uri.removeprefix("models:/")
    names = {path.name for path in place.rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib", ".cloudpickle"))]
    assert {"MANIFEST", "model.json", "fail.txt", "MLmodel", "pyfunc.py", "input_example.json"} <= names


def test_mlflow_is_left_as_it_was(tracked, store, monkeypatch):
    assert not mlflow.is_tracking_uri_set()
    assert "MLFLOW_TRACKING_URI" not in os.environ
    with using(store):
        assert mlflow.get_tracking_uri() == store
    assert not mlflow.is_tracking_uri_set()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////nowhere/at/all.db")
    with using(store):
        pass
    assert mlflow.get_tracking_uri() == "sqlite:////nowhere/at/all.db"
    mlflow.set_tracking_uri(None)


def test_what_mlflow_is_set_to_is_respected_and_sqlite_is_the_default(tracked, store, folder, tmp_path, monkeypatch):
    shutil.copy(folder / "mlflow.db", tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    with using() as client:
        assert mlflow.get_tracking_uri() == "sqlite:///mlflow.db"
        assert client.get_experiment_by_name("cardrisk") is not None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    with using():
        assert mlflow.get_tracking_uri() == store
    mlflow.set_tracking_uri(None)


def test_a_store_that_is_not_there_is_said_at_once(tmp_path):
    with (
        pytest.raises(StoreError, match=r"expected an MLflow store at .*mlflow\.db, got nothing there"),
        using(f"sqlite:///{tmp_path}/mlflow.db"),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_no_password_of_an_address_is_shown():
    with pytest.raises(StoreError) as caught, using("odd://me:hunter2@host/db") as client:
        client.search_experiments()
    assert "hunter2" not in str(caught.value)


def test_an_alias_needs_a_name(good):
    with pytest.raises(InputError, match="alias 'champion': expected a name to register"):
        track(good, alias="champion", store="sqlite:////nowhere/mlflow.db")


def test_a_run_inside_a_users_run_is_nested(tracked, store, weak):
    with using(store):
        outer_experiment = mlflow.get_experiment_by_name("cardrisk").experiment_id
        with mlflow.start_run(experiment_id=outer_experiment) as outer:
            inner = track(weak, store=store)
        found = mlflow.get_run(inner.run_id)
    assert found.data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert inner.version is None


def test_the_digest_of_cards_ignores_their_order(report):
    scored = report.frames["scored"]
    assert digest_of(scored) == digest_of(scored.sample(frac=1.0, random_state=1))
    other = scored.assign(failed=np.where(scored.index == scored.index[9], 1 - scored["failed"], scored["failed"]))
    assert digest_of(other) != digest_of(scored)


def test_what_a_model_says_is_flat_and_short(good):
    flat = describe(good)
    assert all(isinstance(value, str | int | float) for value in flat.values())
    assert flat["cards.labelled"] == good.about["cards"]["labelled"]
    assert not [name for name in flat if name.startswith("metrics")]
