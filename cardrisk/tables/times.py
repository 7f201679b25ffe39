"""Times: whatever an export wrote, kept as UTC microseconds.

Correct means: a time names one instant, or it is refused. A time without a zone names none until a zone is
given; inside a given zone, a local time that daylight saving skipped or repeated names none either.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from cardrisk._later import pd
from cardrisk.errors import TimeZoneError
from cardrisk.tables.cells import Fault, is_null, is_null_word, tidy
from cardrisk.tables.instants import (
    EARLIEST,
    EARLIEST_US,
    EPOCH,
    LATEST,
    LATEST_US,
    MICROSECOND,
    NULL_TIME,
    as_times,
    instants,
)
from cardrisk.tables.reader import Parsed, Reader

UNREADABLE_TIME: Final = Fault("unreadable_time")
AMBIGUOUS_DATE: Final = Fault("ambiguous_date")
TIME_OUT_OF_RANGE: Final = Fault("time_out_of_range")
SKIPPED: Final = Fault("nonexistent_local_time")
REPEATED: Final = Fault("ambiguous_local_time")

_EXCEL_START: Final = datetime(1899, 12, 30)
_EXCEL: Final = (36_526, 73_051)  # serial days of 2000-01-01 and 2100-01-01

_EPOCH_UNITS: Final = tuple(Decimal(micros) for micros in ("1000000", "1000", "1", "0.001"))
"""Microseconds in one count since 1970: seconds, milliseconds, microseconds, nanoseconds."""

_TEXT: Final = re.compile(
    r"(?P<year>\d{4})(?P<sep>[-/.年])(?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?"
    r"(?:[T ,]*(?P<half>上午|下午|[AaPp][Mm])? *(?P<hour>\d{1,2})(?:[:时点] *(?P<minute>\d{1,2})|[时点])?分?"
    r"(?:[:]? *(?P<second>\d{1,2})(?:[.,](?P<fraction>\d{1,9}))?秒?)? *(?P<half2>[AaPp][Mm])?)?"
    r" *(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_COMPACT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})?(Z)?)?", re.ASCII)
_DAY_FIRST: Final = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}(?: .*)?", re.ASCII)
_NUMERIC: Final = re.compile(r"\d{5,19}(?:\.\d{1,12})?", re.ASCII)


def zone_of(tz: object) -> tzinfo | None:
    """Give the zone that a caller named.

    Parameters
    ----------
    tz
        None, a tzinfo, a name such as ``Asia/Shanghai``, or an offset such as ``+08:00``.

    Returns
    -------
    tzinfo or None

    Raises
    ------
    TimeZoneError
        There is no such zone.
    """
    if tz is None or (isinstance(tz, tzinfo) and not hasattr(tz, "zone")):
        return tz
    # A pytz zone keeps its name in `zone`; set on a clock directly it would give local mean time.
    name = str(getattr(tz, "zone", tz))
    if re.fullmatch(r"[+-]\d{2}:?\d{2}", name, re.ASCII):
        return _offset(name)
    try:
        return UTC if name.upper() in {"UTC", "Z"} else ZoneInfo(name)
    except Exception as error:
        raise TimeZoneError(
            f"expected a time zone name such as 'Asia/Shanghai' or '+08:00', got {name[:40]!r}"
        ) from error


def _offset(text: str) -> timezone:
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if minutes >= 24 * 60:
        raise TimeZoneError(f"expected an offset below 24 hours, got {text!r}")
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


@dataclass(frozen=True, slots=True)
class Time(Reader):
    """An instant from `EARLIEST` up to, not including, `LATEST`.

    Attributes
    ----------
    whole_day
        A bare date means through the end of that day (an expiry date), not its first moment.
    """

    whole_day: bool = False
    dtype: ClassVar[str] = "datetime64[us, UTC]"

    def one(self, value: object, zone: tzinfo | None) -> datetime | Fault | None:
        """Read one cell: an aware datetime in UTC, Fault, or None for null."""
        if type(value) is datetime:
            if value.tzinfo is UTC and EARLIEST <= value < LATEST:
                return value
            return placed(value, zone)
        if isinstance(value, str):
            return self._text(str.__str__(value), zone)
        if is_null(value):
            return None
        if isinstance(value, Fault):
            return value
        if isinstance(value, pd.Timestamp):
            return placed(value.to_pydatetime(warn=False), zone)
        if isinstance(value, datetime):
            return placed(value, zone)
        if isinstance(value, date):
            return self._day(value, zone)
        if isinstance(value, np.datetime64):
            return _numpy_time(value, zone)
        if isinstance(value, bool | np.bool_):
            return UNREADABLE_TIME
        if isinstance(value, int | float | np.integer | np.floating | Decimal):
            return self._number(value, zone)
        return UNREADABLE_TIME

    def column(self, cells: pd.Series, zone: tzinfo | None) -> Parsed:
        """Read a whole column into datetime64[us, UTC]."""
        if isinstance(cells.dtype, pd.CategoricalDtype):
            return self.column(cells.astype(object), zone)
        quick = instants(cells, zone, whole_day=self.whole_day)
        if quick is None:
            return Reader.column(self, cells, zone)
        micros, positions = quick
        if not len(positions):
            return Parsed(as_times(micros))
        # What is not plain is read as text or object, each distinct cell once.
        rest = Reader.column(self, cells.take(positions), zone)
        micros[positions] = rest.array.asi8
        return Parsed(as_times(micros), positions[rest.positions], rest.rules)

    def packed(self, values: list[Any]) -> Any:
        """Give aware datetimes, None for null, as datetime64[us, UTC]."""
        micros = [NULL_TIME if value is None else (value - EPOCH) // MICROSECOND for value in values]
        return as_times(np.array(micros, dtype=np.int64))

    def _day(self, day: date, zone: tzinfo | None) -> datetime | Fault:
        start = datetime(day.year, day.month, day.day)
        if not self.whole_day:
            return placed(start, zone)
        try:
            end = placed(start + timedelta(days=1), zone)
        except OverflowError:
            return TIME_OUT_OF_RANGE
        return end if isinstance(end, Fault) else end - MICROSECOND

    def _text(self, text: str, zone: tzinfo | None) -> datetime | Fault | None:
        clean = tidy(text)
        if isinstance(clean, Fault):
            return clean
        if is_null_word(clean):
            return None
        if match := _TEXT.fullmatch(clean):
            return self._matched(match, zone)
        if match := _COMPACT.fullmatch(clean):
            return self._compact(match, zone)
        if _NUMERIC.fullmatch(clean):
            return self._number(Decimal(clean), zone)
        return AMBIGUOUS_DATE if _DAY_FIRST.fullmatch(clean) else UNREADABLE_TIME

    def _matched(self, match: re.Match[str], zone: tzinfo | None) -> datetime | Fault:
        part = match.groupdict()
        try:
            day = date(int(part["year"]), int(part["month"]), int(part["day"]))
            own = _zone_of_text(part["zone"])
            if part["hour"] is None:
                return self._day(day, own or zone)
            hour = _hour(int(part["hour"]), part["half"] or part["half2"])
            fraction = (part["fraction"] or "").ljust(6, "0")[:6]
            clock = datetime(
                day.year,
                day.month,
                day.day,
                hour,
                int(part["minute"] or 0),
                int(part["second"] or 0),
                int(fraction),
            )
        except (ValueError, TimeZoneError) as error:
            if isinstance(error, TimeZoneError) and part["zone"] is None:
                raise
            return UNREADABLE_TIME
        return placed(clock, own or zone)

    def _compact(self, match: re.Match[str], zone: tzinfo | None) -> datetime | Fault:
        year, month, day, hour, minute, second, utc = match.groups()
        try:
            clock = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
        except ValueError:
            return self._number(Decimal(match[0]), zone) if match[0].isdigit() else UNREADABLE_TIME
        own = UTC if utc else zone
        return self._day(clock.date(), own) if hour is None else placed(clock, own)

    def _number(self, value: Any, zone: tzinfo | None) -> datetime | Fault:
        try:
            amount = Decimal(str(value))
        except ArithmeticError:
            return UNREADABLE_TIME
        if not amount.is_finite():
            return Fault("not_finite")
        if _EXCEL[0] <= amount < _EXCEL[1]:
            return self._excel(amount, zone)
        for micros in _EPOCH_UNITS:
            if EARLIEST_US <= amount * micros < LATEST_US:
                return EPOCH + timedelta(microseconds=int(amount * micros))
        if amount == int(amount) and amount > 0 and (match := _COMPACT.fullmatch(str(int(amount)))):
            try:
                datetime(int(match[1]), int(match[2]), int(match[3]))
            except ValueError:
                return UNREADABLE_TIME
            return self._compact(match, zone)
        return UNREADABLE_TIME

    def _excel(self, amount: Decimal, zone: tzinfo | None) -> datetime | Fault:
        if amount == int(amount):
            return self._day((_EXCEL_START + timedelta(days=int(amount))).date(), zone)
        # A double holds a serial day to about a microsecond, a spreadsheet shows seconds: milliseconds are safe.
        millis = int((amount * 86_400_000).to_integral_value())
        return placed(_EXCEL_START + timedelta(milliseconds=millis), zone)


def _hour(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 0 < hour <= 12 and half.upper() in {"AM", "PM"}:
        raise ValueError("an hour of a half day lies in 1..12")
    late = half.upper() in {"PM", "下午"}
    if late:
        return hour if hour >= 12 else hour + 12
    return 0 if hour == 12 else hour


def _zone_of_text(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    return UTC if text.upper() in {"Z", "UTC", "GMT"} else _offset(text)


def _numpy_time(value: np.datetime64, zone: tzinfo | None) -> datetime | Fault:
    year = int(value.astype("datetime64[Y]").astype(np.int64)) + 1970
    if not EARLIEST.year - 1 <= year <= LATEST.year:
        return TIME_OUT_OF_RANGE
    clock: datetime = value.astype("datetime64[us]").astype(datetime)
    return placed(clock, zone)


def _named_epoch() -> datetime:
    """Return 1970 in the zone that pandas' datetimes carry; in ``datetime.UTC`` where the system has no zones."""
    try:
        return datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))
    except ZoneInfoNotFoundError:
        return EPOCH


NAMED_EPOCH: Final = _named_epoch()


def placed(clock: datetime, zone: tzinfo | None) -> datetime | Fault:
    """Give a clock reading as an instant in UTC.

    Parameters
    ----------
    clock
        A datetime, naive or aware.
    zone
        Where a naive one was read.

    Returns
    -------
    datetime or Fault
        Aware, in UTC.

    Raises
    ------
    TimeZoneError
        ``clock`` is naive and ``zone`` is None.
    """
    if not EARLIEST.year - 1 <= clock.year <= LATEST.year:
        return TIME_OUT_OF_RANGE
    if clock.tzinfo is None or clock.utcoffset() is None:
        if zone is None:
            raise TimeZoneError(
                "expected times with a zone (such as 2026-01-05T08:00:00+08:00), got a time without one; "
                "give the zone once, for example tz='Asia/Shanghai'"
            )
        before, after = (clock.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        if before.utcoffset() != after.utcoffset():
            # On a skipped hour the first reading still has the smaller offset; on a repeated one the larger.
            return SKIPPED if (before.utcoffset() or timedelta()) < (after.utcoffset() or timedelta()) else REPEATED
        clock = before
    instant = clock.astimezone(UTC)
    return instant if EARLIEST <= instant < LATEST else TIME_OUT_OF_RANGE
