"""A time names one instant, or it is refused."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import TimeZoneError
from cardrisk.tables.cells import Fault
from cardrisk.tables.times import Time, zone_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
EIGHT = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)  # eight in the morning in Shanghai


def said(cell: Any, zone: Any = SHANGHAI, *, whole_day: bool = False) -> Any:
    found = Time(whole_day=whole_day).one(cell, zone)
    return found.rule if isinstance(found, Fault) else found


@pytest.mark.parametrize(
    "cell",
    [
        "2026-01-05 08:00:00", "2026-01-05 08:00", "2026-1-5 8:00", "2026/1/5 8:00", "2026/01/05T08:00:00",
        "2026.1.5 8:00",
        "2026年1月5日 8时00分", "2026年1月5日8时", "2026年01月05日 08时00分00秒", "2026年1月5日 上午8:00",
        "2026-01-05 08:00 AM",
        "２０２６－０１－０５　０８：００", "20260105080000", "202601050800", "2026-01-05T08:00:00+08:00",
        "2026-01-05T08:00:00+0800",
        "2026-01-05T00:00:00Z", "2026-01-05 00:00:00 UTC", "2026-01-04T18:30-05:30", "1767571200",
        "1767571200000", "1767571200000000",
        "46027.333333333336", 46027.333333333336, 1767571200, 1767571200.0, np.int64(1767571200000),
        1767571200 * 10**9,
        datetime(2026, 1, 5, 8), pd.Timestamp("2026-01-05 08:00"), np.datetime64("2026-01-05T08:00"), EIGHT,
        EIGHT.astimezone(timezone(timedelta(hours=-5, minutes=-30))), 20260105080000,
    ],
)  # fmt: skip
def test_every_way_to_write_one_instant(cell: Any) -> None:
    assert said(cell) == EIGHT


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("9999-12-31", "time_out_of_range"), ("9999-12-31 23:59:59", "time_out_of_range"),
        ("1999-12-31T23:59:59Z", "time_out_of_range"),
        (datetime(9999, 12, 31), "time_out_of_range"), (np.datetime64("9999-12-31"), "time_out_of_range"),
        ("2100-01-01T00:00:00Z", "time_out_of_range"), ("01/05/2026", "ambiguous_date"), ("5-1-26 8:00",
        "ambiguous_date"),
        ("2026-02-29", "unreadable_time"), ("2026-01-05 24:00:00", "unreadable_time"), ("2026-01-05 08:60",
        "unreadable_time"),
        ("2026-01-05 0:30 AM", "unreadable_time"), ("2026-01-05T08:00:00+25:00", "unreadable_time"),
        ("2026-01-05 08:00 CST", "unreadable_time"),
        ("tomorrow", "unreadable_time"), ("12", "unreadable_time"), (12, "unreadable_time"), (float("inf"),
        "not_finite"),
        (True, "unreadable_time"), (-1767571200, "unreadable_time"), ("20261305", "unreadable_time"),
    ],
)  # fmt: skip
def test_what_names_no_instant_is_refused_by_rule(cell: Any, rule: str) -> None:
    assert said(cell) == rule


def test_an_afternoon_and_a_midnight() -> None:
    assert said("2026-01-05 8:00 PM") == said("2026年1月5日 下午8时") == EIGHT + timedelta(hours=12)
    assert said("2026-01-05 12:00 AM") == EIGHT - timedelta(hours=8)


def test_an_expiry_date_holds_to_the_end_of_its_day() -> None:
    end = datetime(2026, 1, 5, 15, 59, 59, 999999, tzinfo=UTC)
    for day in ("2026-01-05", "20260105", date(2026, 1, 5), 46027, "46027", 20260105):
        assert said(day, whole_day=True) == end
        assert said(day) == EIGHT - timedelta(hours=8)
    assert said("2026-01-05 08:00:00", whole_day=True) == EIGHT


def test_a_naive_time_without_a_zone_is_an_error_an_aware_one_is_not() -> None:
    for naive in ("2026-01-05", "2026-01-05 08:00:00", "20260105", 46027, datetime(2026, 1, 5), date(2026, 1, 5)):
        with pytest.raises(TimeZoneError, match="expected times with a zone"):
            said(naive, None)
    for aware in ("2026-01-05T00:00:00Z", 1767571200, EIGHT):
        assert said(aware, None) == EIGHT
    assert said("yesterday", None) == "unreadable_time"


def test_zones_by_name_offset_and_object() -> None:
    assert zone_of("Asia/Shanghai") == SHANGHAI
    assert zone_of("+08:00") == zone_of("+0800") == timezone(timedelta(hours=8))
    assert zone_of("utc") is UTC
    assert zone_of(None) is None

    class Pytz(tzinfo):
        zone = "Asia/Shanghai"

    assert zone_of(Pytz()) == SHANGHAI  # never local mean time
    for bad in ("Mars/Olympus", "", "../etc/passwd", "+25:00", 8):
        with pytest.raises(TimeZoneError, match="expected"):
            zone_of(bad)
