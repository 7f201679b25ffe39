"""The transformer gives every row what was known strictly before it, on any table."""

import datetime as dt
from decimal import Decimal
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from cardrisk.errors import BundleError, InputError, MissingColumnError
from cardrisk.features import HistoryFeatures


def table(rng, n=300):
    when = pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 40 * 24, n), unit="h")
    return pd.DataFrame(
        {
            "when": when,
            "shop": rng.integers(0, 9, n),
            "who": rng.choice(["a", "b", None], n),
            "paid": np.round(rng.uniform(0, 100, n), 2),
            "told": when + pd.to_timedelta(rng.integers(1, 200, n), unit="h"),
            "bad": rng.random(n) < 0.3,
        }
    )


def made(**more):
    said = {"time": "when", "keys": ["shop", "who"], "amounts": ["paid"], "answered_at": "told", "failed": "bad"}
    return HistoryFeatures(**{**said, **more})


def test_equals_the_plain_loop_over_earlier_rows():
    frame = table(np.random.default_rng(1))
    found = made().fit_transform(frame)
    for i, row in frame.iterrows():
        edge = row.when - pd.Timedelta("7D")
        same = frame[frame.shop == row.shop]
        seen = same[(same.when >= edge) & (same.when < row.when)]
        known = same[(same.told >= edge) & (same.told < row.when) & (same.when < row.when)]
        assert found.loc[i, "shop_count_7d"] == len(seen)
        assert found.loc[i, "shop_sum_paid_7d"] == round(seen.paid.sum(), 2)
        assert found.loc[i, "shop_known_7d"] == len(known)
        assert found.loc[i, "shop_failed_7d"] == known.bad.sum()


def test_fitted_history_feeds_later_tables_and_equal_rows_count_once():
    frame = table(np.random.default_rng(2)).sort_values("when", ignore_index=True)
    whole = made().fit_transform(frame)
    model = made().fit(frame.iloc[:200])
    pd.testing.assert_frame_equal(model.transform(frame.iloc[200:]), whole.iloc[200:])
    pd.testing.assert_frame_equal(made().fit(frame).transform(frame), whole)


def test_clone_save_load_and_names(tmp_path):
    frame = table(np.random.default_rng(3))
    model = clone(made()).fit(frame)
    model.save(tmp_path / "kept")
    again = HistoryFeatures.load(tmp_path / "kept")
    pd.testing.assert_frame_equal(again.transform(frame), model.transform(frame))
    assert list(model.get_feature_names_out()) == list(model.transform(frame).columns)
    assert not list(tmp_path.rglob("*.pkl"))
    (tmp_path / "kept" / "parameters.json").write_text('{"protocol": 99}')
    with pytest.raises(BundleError, match="expected protocol 1, got 99"):
        HistoryFeatures.load(tmp_path / "kept")


def test_in_a_pipeline_and_on_a_bare_array():
    frame = table(np.random.default_rng(4))
    line = make_pipeline(made(), FunctionTransformer(np.nan_to_num), DecisionTreeClassifier(max_depth=3))
    assert line.fit(frame, frame.bad).predict_proba(frame).shape == (300, 2)
    array = np.column_stack([np.arange(50.0) * 3600, np.arange(50) % 3, np.ones(50)])
    found = HistoryFeatures(time=0, keys=[1], amounts=[2]).fit_transform(array)
    assert found["1_count_1d"].iloc[-1] == 8
    assert found["1_sum_2_1d"].iloc[-1] == 8.0


@pytest.mark.parametrize("dtype", ["int64", "float16", "float32", "string", "category", "datetime64[us]", "object"])
def test_keys_of_any_dtype(dtype):
    frame = table(np.random.default_rng(5))
    expected = made(keys=["shop"]).fit_transform(frame)
    frame["shop"] = frame["shop"].astype(dtype)
    pd.testing.assert_frame_equal(made(keys=["shop"]).fit_transform(frame), expected)


def test_only_a_time_and_an_amount():
    frame = table(np.random.default_rng(6))[["when", "paid"]]
    found = HistoryFeatures(time="when", amounts=["paid"]).fit_transform(frame)
    assert found["all_count_life"].max() if "all_count_life" in found else found["all_count_30d"].max() > 0


def test_refuses_what_it_cannot_use():
    frame = table(np.random.default_rng(7))
    with pytest.raises(MissingColumnError, match=r"expected columns \['nobody'\]"):
        made(keys=["nobody"]).fit(frame)
    with pytest.raises(InputError, match="expected both answered_at and failed"):
        made(failed=None).fit(frame)


@pytest.mark.parametrize("factor", [1e13, 1e16, 1e306, np.inf])
def test_amounts_whose_sums_would_not_be_exact_are_refused(factor):
    frame = table(np.random.default_rng(6))
    with pytest.raises(InputError, match=r"column 'paid': expected amounts below 9e\+13 .* larger unit"):
        made().fit(frame.assign(paid=frame.paid * factor))
    large = made().fit_transform(frame.assign(paid=np.rint(frame.paid) * 1e9))
    small = made().fit_transform(frame.assign(paid=np.rint(frame.paid)))
    sums = [name for name in small if "_sum_" in name]
    np.testing.assert_array_equal(large[sums], small[sums] * 1e9)


def test_a_missing_time_is_refused():
    frame = table(np.random.default_rng(7))
    frame.loc[[3, 8], "when"] = pd.NaT
    with pytest.raises(InputError, match="'when': expected a time in every row, got none in 2"):
        made().fit(frame)


def test_keys_of_another_kind_than_fitted_on_are_refused():
    frame = table(np.random.default_rng(8)).sort_values("when", ignore_index=True)
    model = made().fit(frame[:200])
    later = frame[200:]
    with pytest.raises(InputError, match="key 'shop': expected numbers as fitted on, got texts"):
        model.transform(later.assign(shop=later.shop.astype(str)))
    for same in (later.assign(shop=later.shop * 1.0), later.assign(who=later.who.astype("category"))):
        pd.testing.assert_frame_equal(model.transform(same), model.transform(later))


def test_one_name_is_no_list_of_names():
    with pytest.raises(InputError, match=r"keys: expected a sequence of texts, got 'shop'; write \['shop'\]"):
        made(keys="shop").fit(table(np.random.default_rng(9)))


def test_names_fitted_on_are_saved(tmp_path):
    frame = table(np.random.default_rng(10))
    made().fit(frame).save(tmp_path / "kept")
    again = HistoryFeatures.load(tmp_path / "kept")
    assert list(again.feature_names_in_) == list(frame.columns)
    assert not hasattr(HistoryFeatures.load(_saved_without_names(frame, tmp_path)), "feature_names_in_")


def _saved_without_names(frame, folder):
    columns = {"time": 0, "keys": [1], "amounts": [], "answered_at": None, "failed": None}
    made(**columns).fit(frame[["when", "shop"]].to_numpy()).save(folder / "bare")
    return folder / "bare"


def test_columns_held_by_arrow_give_the_same():
    frame = table(np.random.default_rng(9))
    held = frame.convert_dtypes(dtype_backend="pyarrow")
    expected = made().fit(frame[:200]).transform(frame[200:])
    pd.testing.assert_frame_equal(made().fit(held[:200]).transform(held[200:]), expected)
    pd.testing.assert_frame_equal(made().fit(held[:200]).transform(frame[200:]), expected)


def test_numbers_too_large_for_seconds_are_no_times():
    frame = table(np.random.default_rng(10))
    millis = frame.assign(when=[moment.timestamp() * 1000 for moment in frame.when])
    with pytest.raises(InputError, match=r"column 'when': expected seconds since 1970, got 177\d{10}"):
        made().fit_transform(millis)


@pytest.mark.parametrize("zone", [None, "Asia/Shanghai", "mixed"])
def test_equal_rows_are_one_event_whatever_holds_their_times_and_numbers(zone):
    frame = table(np.random.default_rng(11))
    whole = made().fit_transform(frame)
    if zone == "mixed":
        zones = ["UTC", "Asia/Shanghai"] * 150
        when = pd.Series([at.tz_convert(name) for at, name in zip(frame.when, zones, strict=True)], dtype=object)
    else:
        when = frame.when.dt.tz_convert(zone)
    other = frame.assign(when=when, paid=[Decimal(str(paid)) for paid in frame.paid], bad=frame.bad.astype("int8"))
    for fitted, given in ((frame, other), (other, frame)):
        pd.testing.assert_frame_equal(made().fit(fitted).transform(given), whole)


def test_an_array_of_numbers_and_texts_holds_seconds_too():
    frame = table(np.random.default_rng(12))[["when", "who", "paid"]]
    frame["when"] = frame["when"].astype("int64") // 10**6
    found = HistoryFeatures(0, [1], [2]).fit_transform(frame.to_numpy())
    expected = HistoryFeatures("when", ["who"], ["paid"]).fit_transform(frame)
    np.testing.assert_array_equal(found, expected)


KEPT = {
    "uuid": lambda shop: UUID(int=shop),
    "bytes": lambda shop: b"%d" % shop,
    "decimal": Decimal,
    "date": lambda shop: dt.date(2026, 1, 1 + shop),
}


@pytest.mark.parametrize("kind", [*KEPT, "dictionary"])
def test_keys_that_are_saved_meet_their_history_again(kind, tmp_path):
    frame = table(np.random.default_rng(13)).sort_values("when", ignore_index=True)
    expected = made().fit(frame[:200]).transform(frame[200:])
    if kind == "dictionary":
        keys = pd.array(frame.shop.astype(str), dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())))
    else:
        keys = pd.Series([KEPT[kind](shop) for shop in frame.shop.tolist()], dtype=object)
    other = frame.assign(shop=keys)
    made().fit(other[:200]).save(tmp_path)
    pd.testing.assert_frame_equal(HistoryFeatures.load(tmp_path).transform(other[200:]), expected)
    if kind in ("uuid", "bytes"):
        with pytest.raises(InputError, match=f"key 'shop': expected {type(keys[0]).__name__} as fitted on, got texts"):
            HistoryFeatures.load(tmp_path).transform(frame[200:].assign(shop="a"))


def test_keys_that_would_not_come_back_are_not_saved(tmp_path):
    frame = table(np.random.default_rng(14))
    frame["shop"] = pd.Series([shop if shop % 2 else str(shop) for shop in frame.shop.tolist()], dtype=object)
    model = made().fit(frame)
    with pytest.raises(InputError, match=r"keys \['shop'\]: expected values that Parquet gives back as they are"):
        model.save(tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


def test_what_is_no_such_table_is_refused_by_name():
    frame = table(np.random.default_rng(15))
    with pytest.raises(InputError, match=r"got several named \['shop'\]"):
        made().fit(pd.concat([frame, frame[["shop"]]], axis=1))
    with pytest.raises(InputError, match="column 'bad': expected numbers or true and false, got str"):
        made().fit(frame.assign(bad="yes"))
    with pytest.raises(InputError, match="column 'paid': expected numbers"):
        made().fit(frame.assign(paid="much"))
    with pytest.raises(InputError, match=r"rows and columns, got an array of shape \(3,\)"):
        HistoryFeatures(0).fit(np.arange(3))


def test_arrow_tables_are_tables():
    frame = table(np.random.default_rng(16))
    frame = frame.assign(when=frame.when.dt.tz_convert(None), told=frame.told.dt.tz_convert(None))
    found = made().fit(pa.Table.from_pandas(frame)).transform(frame)
    pd.testing.assert_frame_equal(found, made().fit_transform(frame))
