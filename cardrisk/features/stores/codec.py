"""One event's columns as bytes: what is decoded equals what was encoded, in value and in kind.

Correct when texts, floats (to the bit), whole numbers, booleans and unknowns come back as they went in and moments
come back as the same microsecond in UTC. Values are JSON, never code; the columns' names are written as short numbers.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import numpy as np

from cardrisk._later import pd
from cardrisk.errors import InputError, StoreError
from cardrisk.features.arrays import NULL
from cardrisk.features.live.values import micros, plain

_NAMES: Final = """
submission_id submitted_at received_at channel card_kind batch_id submitter_id submitter_registered_at
submitter_credit_score supplier_id dealer_id store_id client_ip device_id entry_method medium photo_quality
face_value asking_price region_issued region_of_use valid_until account_bound
ip_token device_token number_token secret_token card_token serial_block
answered_at status cause gateway_code gateway_message settled_value label_source is_synthetic
code_kind_fit code_kinds_fitting code_number_length_off code_secret_length_off code_stray code_lookalike
code_unreadable code_break_at code_cleaned code_fields_equal code_secret_run code_secret_sequence
code_secret_periodic code_secret_surprise code_number_progression code_secret_progression
"""
COLUMNS: Final = tuple(_NAMES.split())
"""Names that are written as their place in this list. Only ever add to its end: stored events depend on it."""

_PLACE: Final = {name: str(place) for place, name in enumerate(COLUMNS)}
_PLAIN: Final = frozenset({str, float, int, bool, type(None)})
_MOMENTS: Final = (dt.datetime, dt.date, np.datetime64)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SHAPES: Final = 4_096
"""How many different sets of columns are kept at hand; rows of one service have a few."""

_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
_encoder: Any = json.encoder
_made: Any = getattr(_encoder, "c_make_encoder", None)  # other Pythons than CPython have none
_parts_of: Final[Any] = (
    _made(None, _json.default, _encoder.encode_basestring, None, ":", ",", False, False, True)
    if _made
    else _json.iterencode
)
"""What `JSONEncoder` makes anew at every text, which takes as long as writing it; called with a value and 0."""
_Shape: TypeAlias = tuple[bytes, tuple[int, ...]]
"""The head, and where moments stand."""
_encoded: dict[tuple[tuple[str, ...], tuple[type, ...]], _Shape | None] = {}
_decoded: dict[bytes, tuple[tuple[str, ...], tuple[int, ...]]] = {}


def encode(row: Mapping[str, Any]) -> tuple[bytes, Mapping[str, Any]]:
    """Return a row's bytes, and the row as ``decode`` will return it.

    Raises
    ------
    InputError
        If a value is no text, number, boolean or moment.
    """
    shape = _shape_of(row)
    if shape is None:
        row = {str(name): _simple(name, value) for name, value in row.items()}
        shape = _shape_of(row)
        assert shape is not None  # noqa: S101 - every value is of a plain kind now
    head, moments = shape
    values, exact = list(row.values()), True
    for i in moments:
        value = values[i]
        exact = exact and type(value) is dt.datetime and value.tzinfo is dt.UTC
        values[i] = micros(value)
    if not exact:
        row = _with_moments(tuple(row), values, moments)
    return head + text_of(values), row


def text_of(values: Any) -> bytes:
    """Return texts, numbers, booleans and unknowns, or sequences of them, as JSON in UTF-8; no byte of it is 0."""
    return "".join(_parts_of(values, 0)).encode("utf-8", "surrogatepass")


def decode(data: bytes) -> dict[str, Any]:
    """Return the row of bytes that ``encode`` made.

    Raises
    ------
    StoreError
        If the bytes are not such a row.
    """
    try:
        place = data.index(b"[")
        head = data[:place]
        shape = _decoded.get(head)
        if shape is None:
            shape = _read_head(head)
        names, moments = shape
        values = json.loads(data[place:].decode("utf-8", "surrogatepass"))
        return _with_moments(names, values, moments)
    except (ValueError, TypeError, IndexError, OverflowError) as reason:
        raise StoreError(
            f"expected a stored event, got {len(data)} bytes that are none; the store is damaged: restore a copy"
        ) from reason


def name_of(row: Mapping[str, Any]) -> bytes | None:
    """Return the bytes that stand for a row's ``submission_id``, None where it has none."""
    name = row.get("submission_id")
    if type(name) is str:
        return name.encode("utf-8", "surrogatepass")
    name = plain(name)
    return None if name is None else b"\0" + _json.encode(_simple("submission_id", name)).encode()


def trace_of(value: str) -> bytes:
    """Return bytes that the encoding of every row with this text contains: a quick first look for it."""
    return text_of(value)


def _with_moments(names: tuple[str, ...], values: list[Any], moments: tuple[int, ...]) -> dict[str, Any]:
    row = dict(zip(names, values, strict=True))
    for i in moments:
        row[names[i]] = _EPOCH + dt.timedelta(microseconds=values[i])
    return row


def _shape_of(row: Mapping[str, Any]) -> _Shape | None:
    """Return the head that names a row's columns and where its moments stand; None if a value is not plain."""
    key = tuple(row), tuple(map(type, row.values()))
    try:
        return _encoded[key]
    except KeyError:
        if len(_encoded) >= _SHAPES:
            _encoded.clear()
        found = _encoded[key] = _write_head(*key)
        return found


def _write_head(names: tuple[str, ...], kinds: tuple[type, ...]) -> _Shape | None:
    moments = tuple(i for i, kind in enumerate(kinds) if kind in (dt.datetime, pd.Timestamp))
    if not all(kind in _PLAIN or i in moments for i, kind in enumerate(kinds)):
        return None
    if not all(type(name) is str for name in names):
        return None
    parts = [
        ("@" if i in moments else "") + _PLACE.get(name, "=" + name.encode("utf-8", "surrogatepass").hex())
        for i, name in enumerate(names)
    ]
    return ",".join(parts).encode(), moments


def _read_head(head: bytes) -> tuple[tuple[str, ...], tuple[int, ...]]:
    parts = head.decode("ascii").split(",") if head else []
    moments = tuple(i for i, part in enumerate(parts) if part.startswith("@"))
    shape = tuple(_name(part.removeprefix("@")) for part in parts), moments
    if len(_decoded) >= _SHAPES:
        _decoded.clear()
    _decoded[head] = shape
    return shape


def _name(part: str) -> str:
    if part.startswith("="):
        return bytes.fromhex(part[1:]).decode("utf-8", "surrogatepass")
    return COLUMNS[int(part)]


def _simple(name: str, value: Any) -> Any:
    """Return a value of a subclass, of NumPy or of pandas as the plain one that it stands for."""
    if isinstance(value, _MOMENTS):
        found = micros(value)
        return None if found == NULL else _EPOCH + dt.timedelta(microseconds=found)
    if value is None or value is pd.NA:
        return None
    for kinds, kind in _KINDS:
        if isinstance(value, kinds):
            return kind(value)
    raise InputError(
        f"expected a text, number, boolean or moment in column {name!r}, got a {type(value).__name__}; convert it"
    )


_KINDS: Final[tuple[tuple[Any, type], ...]] = (
    ((bool, np.bool_), bool),
    ((int, np.integer), int),
    ((float, np.floating), float),
    (str, str),
)
