"""The road over whole columns gives what the road over single cells gives, for every column and any cell."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardrisk.tables import OUTCOMES, RULES, SUBMISSIONS, Column
from cardrisk.tables.cells import Fault, safely

COLUMNS = {
    f"{contract.name}.{column.name}": column for contract in (SUBMISSIONS, OUTCOMES) for column in contract.columns
}
READERS = list({id(column.reader): column for column in COLUMNS.values()}.values())
SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


class Hostile:
    """Raises whatever is asked of it."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("hostile")

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __str__


class HostileInt(int):
    def __float__(self) -> float:
        raise RuntimeError("hostile")

    __int__ = __index__ = __abs__ = __float__  # type: ignore[assignment]


HOSTILE: list[Any] = [
    None, np.nan, pd.NaT, pd.NA, np.datetime64("NaT"), Decimal("NaN"), Decimal("sNaN"), Decimal("1E+30"),
    float("inf"), -np.inf,
    True, np.True_, 0, -1, 1e15, 1e300, 10**60, -(2**63), 2**64, np.int8(5), np.float32(2.5), 0.1, 1.5,
    123456789012345.0,
    b"bytes", bytearray(b"x"), "\ud800", "a\udfffb", "x\x00y", "\x07", "a\tb", "a\nb", "\u202eabc",
    "zero\u200bwidth", "\ufeff7",
    "", " ", "\u3000", "nan", "NULL", "None", "-", "--", "无", "'", "''", "=", '="', '=""', '="0012"', "'0012",
    "=1+1",
    "１２３４", "1.23457E+15", "1.2E15", "1E+15", "1E15", "12345.0", "1234567890123456.0", "+1.0", ".5", "5.",
    "1,234.50", "1,23",
    "¥100", "￥１，０００．５０元", "-¥5", "¥-5", "(5.00)", "100 200", "1e5", "5%", "inf", "-inf", "∞",
    "１００元", "人民币5元",
    "2026-01-05", "2026/1/5 8:00", "2026-01-05 08:00:00", "2026-01-05T08:00:00Z", "2026-01-05 08:00:00+0800",
    "20260105",
    "2026年1月5日 下午3时", "2026-13-01", "2026-02-29", "9999-12-31", "0001-01-01", "2026-03-08 02:30:00",
    "2026-11-01 01:30:00",
    "2026-01-05 08:00:00 +99:00", "46027", "46027.5", "1767571200", "1767571200000", "1767571200000000",
    "1767571200000000000",
    "01/05/2026", "2026-01-05 24:00", "2026-01-05 8:00 PM", "2026-01-05 13:00 PM", "2026-01-05 08:00:00.123456789",
    "成功", "部分成功", "Success", "typed", "手输", "是", "no", "yes", "京东E卡", "moon card", "x" * 129,
    "x" * 5000, "é" * 100, "𝟙𝟚𝟛",
    date(2026, 1, 5), datetime(2026, 1, 5, 8), datetime(2026, 1, 5, tzinfo=UTC), datetime(1, 1, 1),
    datetime(9999, 12, 31, 23, 59),
    datetime(2026, 1, 5, tzinfo=timezone(timedelta(hours=-11, minutes=-30))), datetime(2026, 11, 1, 1, 30, fold=1),
    pd.Timestamp("2026-01-05 08:00:00.123456789"), pd.Timestamp("2026-01-05", tz="Asia/Shanghai"),
    np.datetime64("2026-01-05"),
    np.datetime64("9999-12-31"), timedelta(1), pd.Timedelta("1D"), [], {}, (), [1], {"a": 1}, object(),
    Hostile(), HostileInt(5),
    complex(1, 2), np.array([1, 2]), pd.Series([1]), Fault("ragged_line"), pd.Interval(0, 1), range(3), lambda: 0,
]  # fmt: skip


def _same(a: Any, b: Any) -> bool:
    return bool((a is None and b is None) or a == b)


def _from_array(value: Any) -> Any:
    return None if pd.isna(value) else value


def assert_columns_agree(column: Column, cells: pd.Series, cell_list: list[Any], zone: Any) -> None:
    """What `column` says of a series is what `one` says of each cell of ``cell_list``."""
    wants = [safely(column.reader.one, cell, zone) for cell in cell_list]
    parsed = column.reader.column(cells, zone)
    faults = dict(zip(parsed.positions.tolist(), parsed.rules, strict=True))
    values = list(parsed.array)
    assert len(values) == len(cell_list)
    for place, want in enumerate(wants):
        if type(want) is Fault:
            assert faults.get(place) == want.rule, (place, type(cell_list[place]))
            assert want.rule in RULES
            assert pd.isna(values[place])
        else:
            assert place not in faults, (place, type(cell_list[place]))
            assert _same(_from_array(values[place]), want), (place, want, values[place])


def series(cells: list[Any]) -> pd.Series:
    held = np.empty(len(cells), dtype=object)
    for place, cell in enumerate(cells):
        held[place] = cell
    return pd.Series(held, dtype=object)


@pytest.mark.parametrize("zone", [SHANGHAI, NEW_YORK, UTC], ids=str)
@pytest.mark.parametrize("name", COLUMNS)
def test_no_hostile_cell_raises_and_both_roads_agree(name: str, zone: Any) -> None:
    assert_columns_agree(COLUMNS[name], series(HOSTILE), HOSTILE, zone)


@pytest.mark.parametrize("name", COLUMNS)
def test_every_storage_of_text_agrees(name: str) -> None:
    texts = [c for c in HOSTILE if isinstance(c, str) and c.isprintable()] + [None, "", "abc123", "2026-01-05 08:00:00"]
    for stored in (
        pd.Series(texts, dtype="str"),
        pd.Series(texts, dtype="string"),
        pd.Series(texts, dtype=pd.ArrowDtype(pa.string())),
        pd.Series(texts, dtype="category"),
        pd.Series(texts, dtype=object),
        pd.Series([*texts, "x"], dtype=pd.ArrowDtype(pa.large_string())).iloc[:-1],
    ):
        assert_columns_agree(COLUMNS[name], stored, texts, SHANGHAI)


TYPED: dict[str, Any] = {
    "int64": pd.Series([0, -1, 50, 46027, 20260105, 1767571200, 1767571200000, 1767571200000000,
        1767571200000000000, 2**62]),
    "uint64": pd.Series([0, 2**63 + 5], dtype="uint64"),
    "Int64": pd.Series([1, None, 2**62], dtype="Int64"),
    "arrow int": pd.Series([1, None, 2**53 + 1], dtype=pd.ArrowDtype(pa.int64())),
    "float64": pd.Series([0.0, -0.0, 1.005, 99.999, np.nan, np.inf, -np.inf, 1e15, 123456.0, 46027.5, 1e300,
        -3.0, 0.5]),
    "float32": pd.Series([19.99, np.nan, 5.0], dtype="float32"),
    "Float64": pd.Series([1.5, None], dtype="Float64"),
    "arrow float": pd.Series([1.5, None, float("nan")], dtype=pd.ArrowDtype(pa.float64())),
    "arrow decimal": pd.Series([Decimal("1.50"), None], dtype=pd.ArrowDtype(pa.decimal128(10, 2))),
    "bool": pd.Series([True, False]),
    "boolean": pd.Series([True, None], dtype="boolean"),
    "arrow bool": pd.Series([True, None], dtype=pd.ArrowDtype(pa.bool_())),
    "datetime ns": pd.Series(pd.to_datetime(["2026-01-05 08:00:00.123456789", None])).astype("datetime64[ns]"),
    "datetime s": pd.Series(np.array(["2026-01-05T08:00", "9999-12-31", "NaT", "-9999-01-01"],
        dtype="datetime64[s]")),
    "datetime skipped": pd.Series(np.array(["2026-03-08T02:30", "2026-11-01T01:30", "2026-05-01"],
        dtype="datetime64[us]")),
    "datetime aware": pd.Series(pd.to_datetime(["2026-01-05 08:00+08:00", None, "2099-12-31 23:59+00:00"], utc=True)),
    "datetime zone": pd.Series(pd.to_datetime(["2026-01-05", "2101-01-01"]).tz_localize("Asia/Shanghai").as_unit("s")),
    "arrow time": pd.Series([datetime(2026, 1, 5, 8), None], dtype=pd.ArrowDtype(pa.timestamp("ms"))),
    "arrow zone": pd.Series([datetime(2026, 1, 5, 8, tzinfo=UTC), None], dtype=pd.ArrowDtype(pa.timestamp("ns",
        "UTC"))),
    "arrow date": pd.Series([date(2026, 1, 5), None], dtype=pd.ArrowDtype(pa.date32())),
    "timedelta": pd.Series(pd.to_timedelta(["1D", None])),
    "period": pd.Series(pd.period_range("2026-01", periods=2, freq="M")),
    "complex": pd.Series([1 + 2j, 0j]),
    "sparse": pd.Series(pd.arrays.SparseArray([0.0, 5.0, np.nan])),
    "category": pd.Series([5, None, 7], dtype="category"),
    "arrow list": pd.Series([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "arrow binary": pd.Series([b"x", None], dtype=pd.ArrowDtype(pa.binary())),
    "arrow null": pd.Series([None, None], dtype=pd.ArrowDtype(pa.null())),
    "nothing": pd.Series([], dtype=object),
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPED)
@pytest.mark.parametrize("name", COLUMNS)
def test_every_dtype_agrees_with_its_cells(name: str, kind: str) -> None:
    cells = TYPED[kind]
    assert_columns_agree(COLUMNS[name], cells, list(cells.astype(object)), NEW_YORK)


_DIGITS = st.text("0123456789", min_size=1, max_size=20)
_STAMPS = st.datetimes(datetime(1990, 1, 1), datetime(2110, 1, 1))
TEXTS = st.one_of(
    st.text(max_size=12),
    st.text("0123456789.,+-eE¥元% ", max_size=12),
    st.text("0123456789-/:.T Z+年月日时分", max_size=24),
    _DIGITS,
    st.builds("{}.{}e+{}".format, _DIGITS, _DIGITS, st.integers(0, 30)),
    st.builds(lambda d, form: d.strftime(form), _STAMPS, st.sampled_from([
        "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S.%f",
        "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S+08:00", "%Y-%m-%dT%H:%M:%S.%f-05:30",
        "%Y年%m月%d日 %H时%M分", "%Y%m%d%H%M%S",
    ])),
)  # fmt: skip
CELLS = st.one_of(
    TEXTS, st.integers(), st.floats(), st.booleans(), st.none(), _STAMPS, st.decimals(), st.binary(max_size=5)
)


@pytest.mark.parametrize("name", [f"{column.name}-{place}" for place, column in enumerate(READERS)])
def test_roads_agree_on_any_cells(name: str, full_or: Any) -> None:
    column = READERS[int(name.rsplit("-", 1)[1])]

    @settings(
        max_examples=full_or(500, 25),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(st.lists(TEXTS, max_size=8), st.lists(CELLS, max_size=8), st.sampled_from([SHANGHAI, NEW_YORK]))
    def agree(texts: list[str], cells: list[Any], zone: Any) -> None:
        assert_columns_agree(column, series(texts), texts, zone)
        assert_columns_agree(column, series(cells), cells, zone)

    agree()


def test_ten_megabyte_strings_are_refused_and_stay_cheap() -> None:
    huge = "9" * 10_000_000
    for column in READERS:
        assert_columns_agree(column, series([huge, "1"]), [huge, "1"], UTC)
        assert column.reader.one(huge, UTC) in (Fault("too_long"), Fault("unknown_value"))
