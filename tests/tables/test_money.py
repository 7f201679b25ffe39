"""An amount is the nearest whole number of cents to what the cell said."""

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardrisk.tables.cells import Fault
from cardrisk.tables.money import NULL_CENTS, Money, to_cents, to_yuan

READ = Money().one


@pytest.mark.parametrize(
    ("cell", "yuan"),
    [
        ("100", 100.0), ("¥100", 100.0), ("￥１００．５０", 100.5), ("100元", 100.0),
        ("1,234,567.89".replace("1,", "", 1), 234567.89),
        ("RMB 5", 5.0), ("5 CNY", 5.0), ("人民币５元整", 5.0), ("+5", 5.0), ("0", 0.0), (0, 0.0), (-0.0, 0.0),
        ("0.005", 0.0),
        ("19.999", 20.0), (np.float32(19.99), 19.99), (Decimal("1.50"), 1.5), (np.int8(5), 5.0), ("", None),
        ("无", None), (None, None),
        ("-5", "negative_money"), ("(5.00)", "negative_money"), ("-¥5", "negative_money"), ("¥-0.01",
        "negative_money"),
        ("5%", "unreadable_money"), ("1e5", "unreadable_money"), ("1,5", "unreadable_money"), ("100 200",
        "unreadable_money"),
        ("$5", "unreadable_money"), ("5美元", "unreadable_money"), ("面议", "unreadable_money"), (True,
        "unreadable_money"),
        ("inf", "not_finite"), (float("-inf"), "not_finite"), ("1000000.01", "out_of_range"), (10**400,
        "out_of_range"),
    ],
)  # fmt: skip
def test_what_a_cell_says(cell: object, yuan: object) -> None:
    found = READ(cell)
    assert (found.rule if isinstance(found, Fault) else found) == yuan


@settings(derandomize=True, deadline=None, database=None)
@given(st.integers(0, 100_000_000))
def test_every_whole_cent_survives(cents: int) -> None:
    yuan = cents / 100
    assert READ(yuan) == READ(f"{cents // 100}.{cents % 100:02d}") == yuan
    assert to_cents([yuan]).tolist() == [cents]
    assert to_yuan([cents]).tolist() == [yuan]


@settings(derandomize=True, deadline=None, database=None)
@given(st.floats(0, 1e6))
def test_rounding_is_to_the_nearest_cent(yuan: float) -> None:
    exact = (Decimal(yuan * 100)).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert to_cents([yuan])[0] == int(exact)
    assert to_cents([READ(yuan)])[0] == int(exact)


def test_null_stays_null() -> None:
    assert to_cents([np.nan]).tolist() == [NULL_CENTS]
    assert np.isnan(to_yuan([NULL_CENTS])).all()
    assert to_cents(np.array([[1.0, np.nan]])).shape == (1, 2)
