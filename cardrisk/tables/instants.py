"""Whole columns of times at once: stamps, numbers, and text in the layouts that software writes.

Correct means: a cell answered here gets the instant that `cardrisk.tables.times.Time.one` gives; every other
cell is handed back by its position.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from cardrisk._later import pa, pd
from cardrisk.errors import TimeZoneError
from cardrisk.tables.arrow import Mask, Positions, bytes_of, strings

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The first moment accepted; no platform of this kind is older."""
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""The first moment refused; years such as 9999 are placeholders, not dates."""
EARLIEST_US: Final = (EARLIEST - EPOCH) // MICROSECOND
LATEST_US: Final = (LATEST - EPOCH) // MICROSECOND
NULL_TIME: Final = int(np.iinfo(np.int64).min)
DAY_US: Final = 86_400_000_000

NO_ZONE: Final = (
    "expected times with a zone (such as 2026-01-05T08:00:00+08:00), got a time without one; "
    "give the zone once, for example tz='Asia/Shanghai'"
)

_MARGIN: Final = DAY_US
"""No zone is further from UTC than this; clocks inside the range widened by it may be valid."""
_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_CHUNK: Final = 65_536

Clock: TypeAlias = npt.NDArray[np.int64]
Quick: TypeAlias = tuple[Clock, Positions]


def as_times(micros: Clock) -> Any:
    """Give int64 microseconds since 1970 UTC (`NULL_TIME` = null) as datetime64[us, UTC] values."""
    return pd.Series(micros.view("datetime64[us]")).dt.tz_localize("UTC").array


def instants(cells: pd.Series, zone: tzinfo | None, *, whole_day: bool = False) -> Quick | None:
    """Read what can be read at once.

    Parameters
    ----------
    cells
        A column, any dtype.
    zone
        Zone of times without one.
    whole_day
        See `cardrisk.tables.times.Time`.

    Returns
    -------
    tuple or None
        int64 microseconds, and ascending positions still to be read one by one; None where that is all of them.

    Raises
    ------
    TimeZoneError
        A time carries no zone and ``zone`` is None.
    """
    dtype = cells.dtype
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_timestamp(dtype.pyarrow_dtype):
        array = pa.array(cells.array, from_pandas=True)
        counts = array.cast(pa.int64()).fill_null(NULL_TIME).to_numpy(zero_copy_only=False)
        return _stamps(counts, dtype.pyarrow_dtype.unit, UTC if dtype.pyarrow_dtype.tz else zone)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _stamps(cells.array.asi8, dtype.unit, UTC)
    if isinstance(dtype, np.dtypes.DateTime64DType):
        values = cells.to_numpy()
        return _stamps(values.view(np.int64), np.datetime_data(values.dtype)[0], zone)
    if pd.api.types.is_integer_dtype(dtype):
        return _counts(cells)
    array = strings(cells)
    return None if array is None else _texts(array, zone, whole_day)


def _stamps(counts: Clock, unit: str, zone: tzinfo | None) -> Quick:
    null = counts == NULL_TIME
    per = _PER_SECOND[unit]
    low, high = EARLIEST_US - _MARGIN, LATEST_US + _MARGIN
    if per <= 10**6:
        scale = 10**6 // per
        near = ~null & (counts >= low // scale) & (counts <= high // scale)
        clocks = np.where(near, counts, 0) * scale
    else:
        near = ~null & (counts >= low * 1000) & (counts <= high * 1000)
        clocks = np.where(near, counts, 0) // 1000
    return _placed(clocks, near, null, zone)


def _counts(cells: pd.Series) -> Quick | None:
    array = pa.array(cells.array, from_pandas=True)
    null = array.is_null().to_numpy(zero_copy_only=False)
    try:
        counts = array.fill_null(0).cast(pa.int64()).to_numpy(zero_copy_only=False)
    except pa.ArrowException:
        return None
    micros = np.full(len(counts), NULL_TIME)
    known = null.copy()
    for per in _PER_SECOND.values():
        scaled = counts * (10**6 // per) if per <= 10**6 else counts // 1000
        low, high = EARLIEST_US * per // 10**6, LATEST_US * per // 10**6
        inside = ~null & (counts >= low) & (counts < high)
        micros[inside] = scaled[inside]
        known |= inside
    return micros, np.flatnonzero(~known)


def _placed(clocks: Clock, sure: Mask, null: Mask, zone: tzinfo | None) -> Quick:
    """Turn clock readings of one zone into instants; hand back what is neither sure nor null."""
    micros = np.full(len(clocks), NULL_TIME)
    if zone is None and sure.any():
        raise TimeZoneError(NO_ZONE)
    if zone is UTC or zone is None:
        placed = clocks
    else:
        naive = pd.DatetimeIndex(np.where(sure, clocks, NULL_TIME).view("datetime64[us]"))
        local = naive.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        placed = local.as_unit("us").asi8
        sure = sure & (placed != NULL_TIME)
    sure = sure & (placed >= EARLIEST_US) & (placed < LATEST_US)
    micros[sure] = placed[sure]
    return micros, np.flatnonzero(~sure & ~null)


def _texts(array: Any, zone: tzinfo | None, whole_day: bool) -> Quick:
    data, bounds = bytes_of(array)
    sizes = np.diff(bounds)
    null = sizes == 0
    if array.null_count:
        null |= array.is_null().to_numpy(zero_copy_only=False)
    micros = np.full(len(sizes), NULL_TIME)
    todo = ~null
    for size in np.unique(sizes[todo]):
        if size not in _TAILS:
            continue
        rows = np.flatnonzero(todo & (sizes == size))
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            cells = data[bounds[part][:, None] + np.arange(size)]
            found, left = _layout(cells, zone, whole_day)
            micros[part] = found
            todo[part] = False
            todo[part[left]] = True
    return micros, np.flatnonzero(todo)


# What follows "2026-01-05 08:00:00" at each length: digits of the fraction, and the zone's mark.
_TAILS: Final[dict[int, tuple[int, str]]] = {
    10: (0, ""),
    16: (0, ""),
    19: (0, ""),
    20: (0, "Z"),
    23: (3, ""),
    24: (3, "Z"),
    25: (0, "+"),
    26: (6, ""),
    27: (6, "Z"),
    29: (3, "+"),
    32: (6, "+"),
}


def _layout(cells: npt.NDArray[np.uint8], zone: tzinfo | None, whole_day: bool) -> Quick:
    """Read n texts of one length (n, length) as instants; hand back what is laid out differently."""
    size = cells.shape[1]
    digits, mark = _TAILS[size]
    figure = (cells - ord("0")).astype(np.int64)  # bytes below "0" wrap around to large figures
    ok = np.isin(cells[:, 4], list(b"-/")) & (cells[:, 7] == cells[:, 4])
    ok &= _figures(figure, (0, 1, 2, 3, 5, 6, 8, 9))
    days, in_month = _days(_whole(figure, 0, 4), _whole(figure, 5, 7), _whole(figure, 8, 10))
    ok &= in_month
    micros = days * DAY_US
    if size == 10:
        if whole_day:
            found, left = _placed(np.where(ok, micros + DAY_US, 0), ok, np.zeros(len(ok), bool), zone)
            return np.where(found == NULL_TIME, NULL_TIME, found - 1), left
        return _placed(np.where(ok, micros, 0), ok, np.zeros(len(ok), bool), zone)
    ok &= np.isin(cells[:, 10], list(b" T")) & (cells[:, 13] == ord(":")) & _figures(figure, (11, 12, 14, 15))
    hour, minute = _whole(figure, 11, 13), _whole(figure, 14, 16)
    ok &= (hour < 24) & (minute < 60)
    micros += (hour * 3600 + minute * 60) * 10**6
    if size > 16:
        second = _whole(figure, 17, 19)
        ok &= (cells[:, 16] == ord(":")) & _figures(figure, (17, 18)) & (second < 60)
        micros += second * 10**6
    if digits:
        ok &= (cells[:, 19] == ord(".")) & _figures(figure, range(20, 20 + digits))
        micros += _whole(figure, 20, 20 + digits) * 10 ** (6 - digits)
    return _zoned(cells, figure, micros, ok, mark, zone)


def _zoned(
    cells: npt.NDArray[np.uint8], figure: Clock, micros: Clock, ok: Mask, mark: str, zone: tzinfo | None
) -> Quick:
    own: tzinfo | None = zone
    if mark == "Z":
        ok &= cells[:, -1] == ord("Z")
        own = UTC
    elif mark == "+":
        at = cells.shape[1] - 6
        hours, minutes = _whole(figure, at + 1, at + 3), _whole(figure, at + 4, at + 6)
        ok &= np.isin(cells[:, at], list(b"+-")) & (cells[:, at + 3] == ord(":")) & (hours < 24) & (minutes < 60)
        ok &= _figures(figure, (at + 1, at + 2, at + 4, at + 5))
        sign = np.where(cells[:, at] == ord("-"), -1, 1)
        micros = micros - sign * (hours * 60 + minutes) * 60 * 10**6
        own = UTC
    ok &= (micros >= EARLIEST_US - _MARGIN) & (micros < LATEST_US + _MARGIN)
    return _placed(np.where(ok, micros, 0), ok, np.zeros(len(ok), bool), own)


def _figures(figure: Clock, places: Any) -> Mask:
    return np.asarray((figure[:, list(places)] <= 9).all(axis=1))


def _whole(figure: Clock, start: int, stop: int) -> Clock:
    value = figure[:, start].copy()
    for place in range(start + 1, stop):
        value = value * 10 + figure[:, place]
    return value


def _days(year: Clock, month: Clock, day: Clock) -> tuple[Clock, Mask]:
    """Days since 1970 of calendar dates, and whether those exist between 1999 and 2100."""
    ok = (year >= 1999) & (year <= 2100) & (month >= 1) & (month <= 12)
    months = np.where(ok, (year - 1970) * 12 + month - 1, 0)
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return first + day - 1, ok & (day >= 1) & (day <= after - first)
