import shutil

import pytest

from cardrisk.errors import BundleError
from cardrisk.risk import load_model, locate, train
from tests.risk.tables_for_risk import KEY, answers, cards


@pytest.fixture(scope="module")
def model():
    submissions = cards(800)
    return train(submissions, answers(submissions, wait="1h"), key=KEY, params={"rounds": 3}, threads=1)


def test_a_model_and_a_folder(model, tmp_path):
    assert load_model(model) is model
    model.save(tmp_path / "b")
    assert load_model(tmp_path / "b").version == load_model(str(tmp_path / "b")).version == model.version


def test_the_folder_of_an_mlflow_model(model, tmp_path):
    model.save(tmp_path / "m" / "artifacts" / "bundle")
    assert load_model(tmp_path / "m").version == model.version


def test_the_default_bundle(model, tmp_path, monkeypatch):
    monkeypatch.setattr(locate, "DEFAULTS", (tmp_path / "none", tmp_path / "b"))
    with pytest.raises(BundleError, match="expected the default bundle"):
        load_model()
    model.save(tmp_path / "b")
    assert load_model().version == load_model("default").version == model.version


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"got 'nowhere/at/all'; no such folder"):
        load_model("nowhere/at/all")
    with pytest.raises(BundleError, match="no MANIFEST in it"):
        load_model(tmp_path)


def test_a_reference_makes_no_store_where_there_is_none(tmp_path, monkeypatch):
    import mlflow

    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(None)
    try:
        with pytest.raises(BundleError, match="no MLflow store at sqlite:"):
            load_model("models:/cardrisk@champion")
    finally:
        mlflow.set_tracking_uri(before)
    assert not list(tmp_path.iterdir())


def test_a_reference_to_mlflow_ends_in_the_same_verification(model, tmp_path, monkeypatch):
    fetched = tmp_path / "fetched"
    model.save(fetched / "artifacts" / "bundle")
    monkeypatch.setattr(locate, "_fetch", lambda reference: fetched)
    assert load_model("models:/cardrisk@champion").version == model.version
    shutil.copy(fetched / "artifacts" / "bundle" / "model.json", fetched / "artifacts" / "bundle" / "fail.txt")
    with pytest.raises(BundleError, match=r"fail\.txt"):
        load_model("runs:/abc/model")
