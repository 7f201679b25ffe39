import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import FeatureMismatchError, InputError
from cardrisk.risk.encode import Columns


def frame(count: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(0)
    made = pd.DataFrame(
        {
            "count": random.integers(0, 9, count).astype(np.float32),
            "amount": random.lognormal(4, 1, count),
            "kind": pd.Series(random.choice(["a", "b", "rare"], count, p=[0.6, 0.38, 0.02]), dtype="str"),
            "empty": np.full(count, np.nan, np.float32),
            "flag": pd.Series(random.random(count) < 0.5, dtype="boolean"),
        }
    )
    made.loc[3, ["count", "kind", "flag"]] = [np.nan, np.nan, pd.NA]
    return made


def test_all_null_columns_are_dropped_and_remembered():
    columns = Columns.learn(frame())
    assert columns.dropped == ("empty",)
    assert columns.names == ("count", "amount", "kind", "flag")
    assert columns.categorical == [2]


def test_rare_and_unseen_categories_are_other_and_null_is_nan():
    given = frame()
    columns = Columns.learn(given)
    assert columns.categories["kind"] == ("a", "b")
    given.loc[0, "kind"] = "never seen"
    codes = columns.matrix(given)[:, 2]
    assert codes[0] == 0
    assert np.isnan(codes[3])
    assert set(codes[given["kind"] == "rare"]) == {0.0}
    assert set(codes[given["kind"] == "a"]) == {1.0}


def test_only_values_matter():
    given = frame()
    columns = Columns.learn(given)
    expected = columns.matrix(given)
    shuffled = given[["flag", "kind", "amount", "count"]].assign(more="x")
    arrow = given.drop(columns="empty").convert_dtypes(dtype_backend="pyarrow")
    category = given.assign(kind=given["kind"].astype("category"))
    for other in (shuffled, arrow, category, given.set_axis(range(5, 205), axis=0)):
        np.testing.assert_array_equal(columns.matrix(other), expected)


def test_one_row_equals_the_matrix():
    given = frame()
    columns = Columns.learn(given)
    expected = columns.matrix(given)
    for place in range(50):
        np.testing.assert_array_equal(columns.row(given.iloc[place].to_dict()), expected[place].astype(float))


def test_missing_doubled_and_wrong_columns_are_named():
    given = frame()
    columns = Columns.learn(given)
    with pytest.raises(FeatureMismatchError, match=r"needs 2 feature\(s\) that were not given: amount, kind"):
        columns.matrix(given.drop(columns=["amount", "kind"]))
    assert np.isnan(columns.matrix(given.drop(columns="amount"), ("count",))[:, 1]).all()
    with pytest.raises(FeatureMismatchError, match="got several of: count"):
        columns.matrix(pd.concat([given, given[["count"]]], axis=1))
    with pytest.raises(FeatureMismatchError, match="expected numbers in feature amount"):
        columns.matrix(given.assign(amount="a lot"))
    with pytest.raises(FeatureMismatchError, match="expected a number for feature amount, got str"):
        columns.row({"amount": "a lot"})


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(InputError, match="expected at least one feature with a value"):
        Columns.learn(frame()[["empty"]])
    with pytest.raises(InputError, match="expected numbers or text in feature when"):
        Columns.learn(pd.DataFrame({"when": pd.to_datetime(["2026-01-01"])}))
