"""What is decoded equals what was encoded, in value and in kind; anything else is refused, never run."""

import datetime as dt
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardrisk.errors import InputError, StoreError
from cardrisk.features.stores import codec

texts = st.text(st.characters(codec=None))
moments = st.datetimes(timezones=st.just(dt.UTC))
values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, moments)
rows = st.dictionaries(st.one_of(st.sampled_from(codec.COLUMNS), texts), values, max_size=12)


def bits(value):
    if isinstance(value, float):
        return "nan" if value != value else struct.pack("<d", value)
    return type(value), value


@settings(max_examples=400, deadline=None)
@given(rows)
def test_a_row_comes_back_to_the_bit(row):
    data, same = codec.encode(row)
    found = codec.decode(data)
    assert list(found) == list(same) == list(row)
    for name, value in row.items():
        assert bits(found[name]) == bits(value) == bits(same[name])


@settings(max_examples=200, deadline=None)
@given(rows)
def test_no_byte_of_a_row_is_zero(row):
    assert b"\0" not in codec.encode(row)[0]  # records of decisions set their parts apart with it


def test_a_moment_of_another_zone_comes_back_in_utc():
    row = {"submitted_at": dt.datetime(2026, 1, 5, 8, tzinfo=dt.timezone(dt.timedelta(hours=8)))}
    data, same = codec.encode(row)
    assert same["submitted_at"].tzinfo is codec.decode(data)["submitted_at"].tzinfo is dt.UTC
    assert codec.decode(data) == same == row


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_bytes_that_are_no_row_are_refused(data):
    try:
        assert isinstance(codec.decode(data), dict)
    except StoreError as reason:
        assert "expected a stored event" in str(reason)  # noqa: PT017 - either way is right


@settings(max_examples=100, deadline=None)
@given(rows, st.data())
def test_a_row_cut_short_is_refused(row, data):
    whole, _ = codec.encode(row)
    with pytest.raises(StoreError, match="the store is damaged"):
        codec.decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(texts)
def test_the_trace_of_a_text_stands_in_its_row(value):
    assert codec.trace_of(value) in codec.encode({"submitter_id": value})[0]


@pytest.mark.parametrize("value", [b"bytes", [1], {"a": 1}, object(), 1j], ids=lambda value: type(value).__name__)
def test_other_kinds_are_refused_by_name_of_the_column(value):
    with pytest.raises(InputError, match=f"in column 'own', got a {type(value).__name__}"):
        codec.encode({"own": value})


def test_places_of_columns_never_move():
    """Stored events hold these places: names are only ever added to the end."""
    assert len(set(codec.COLUMNS)) == len(codec.COLUMNS)
    held = {"submission_id": 0, "submitter_id": 6, "ip_token": 23, "answered_at": 29, "code_secret_progression": 52}
    assert {name: codec.COLUMNS.index(name) for name in held} == held
    assert codec.decode(b'0,6,@29["a","u",0]')["answered_at"] == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def test_many_shapes_are_not_kept_for_ever():
    for i in range(codec._SHAPES + 10):
        codec.decode(codec.encode({f"own {i}": json.dumps(i)})[0])
    assert len(codec._encoded) <= codec._SHAPES
    assert len(codec._decoded) <= codec._SHAPES
