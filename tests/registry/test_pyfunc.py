"""MLflow's ``predict`` equals ``cardrisk.score``, bit for bit, whatever stands in the table."""

import mlflow
import numpy as np
import pandas as pd
import pytest

import cardrisk
from cardrisk.errors import MissingColumnError
from cardrisk.registry import using
from cardrisk.registry.signature import input_example


@pytest.fixture(scope="module")
def served(tracked, store):
    with using(store):
        return mlflow.pyfunc.load_model("models:/market@challenger")


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("CARDRISK_KEY", "kxT0mQ5wLr8bYc2ZpN7hVd4JgF1sUe9Ra3X6MiBoWqE")


def same(left, right):
    assert left.drop(columns="reasons").equals(right.drop(columns="reasons"))
    assert left["reasons"].tolist() == right["reasons"].tolist()
    for name in right.select_dtypes("float64"):
        assert left[name].to_numpy().tobytes() == right[name].to_numpy().tobytes(), name


def test_predict_equals_score(served, later, good):
    cards = later[0].iloc[:300].copy()
    cards.index = cards.index + 7
    cards.loc[cards.index[3], "face_value"] = -1.0
    cards.loc[cards.index[4], "channel"] = None
    cards.loc[cards.index[5], ["asking_price", "face_value"]] = np.nan
    expected = cardrisk.score(cards, model=good)
    assert expected["rule"].notna().sum() == 1
    same(served.predict(cards), expected)


def test_order_of_columns_further_columns_and_storage_do_not_matter(served, later, good):
    cards = later[0].iloc[:60]
    expected = cardrisk.score(cards, model=good)
    same(served.predict(cards[list(cards.columns[::-1])].assign(is_synthetic=True)), expected)
    same(served.predict(cards.convert_dtypes(dtype_backend="pyarrow")), expected)
    same(served.predict(cards.assign(submitted_at=cards["submitted_at"].astype("str"))), expected)


def test_the_input_example_is_scored(served, good):
    answer = served.predict(input_example())
    assert answer["rule"].isna().all()
    same(answer, cardrisk.score(input_example(), model=good))
    assert not {"card_no", "card_secret", "client_ip", "device_id"} & set(input_example())


def test_a_missing_required_column_is_named(served, later):
    cards = later[0].iloc[:2].drop(columns="submitted_at")
    with pytest.raises(MissingColumnError, match="submitted_at") as told:
        served.predict(cards)
    assert not any(str(cell) in str(told.value) for cell in cards["card_no"])


def test_the_signature_names_what_score_gives(served, later, good):
    expected = cardrisk.score(later[0].iloc[:2], model=good)
    assert served.metadata.get_output_schema().input_names() == list(expected.columns)
    assert served.metadata.get_input_schema().required_input_names() == []  # or MLflow would print the table
    assert isinstance(pd.DataFrame(columns=served.metadata.get_input_schema().input_names()), pd.DataFrame)
