"""One card gives what a table of that one card gives."""

import random
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cardrisk.errors import InputError, TimeZoneError
from cardrisk.tables import (
    OUTCOMES,
    SUBMISSIONS,
    Contract,
    Rejected,
    check,
    check_one,
    check_one_outcome,
    check_submissions,
    frame_of,
    known_at,
    known_at_one,
)
from cardrisk.tables.one import _plan

CARD: dict[str, Any] = {
    "submission_id": "s1",
    "submitted_at": datetime(2026, 1, 5, tzinfo=UTC),
    "submitter_id": "u1",
    "card_no": "12345678",
    "face_value": 100.0,
}
CELLS = st.one_of(
    st.none(),
    st.text(max_size=10),
    st.sampled_from([
        "", "nan", "2026-01-05 08:00", "2026-03-08 02:30", "9999-12-31", "¥1,000", "-5", "成功", "手输", "是",
        "合计", "总计: 3 笔", "a1\x1fb23456",
        "1.2E+15", "\x00", "\ud800", b"x", np.nan, pd.NaT, pd.Timestamp("2026-01-05", tz="UTC"), [1], True,
        float("inf"), "电商",
    ]),
    st.floats(),
    st.integers(-10, 2**40),
    st.datetimes(datetime(1999, 1, 1), datetime(2101, 1, 1), timezones=st.just(UTC)),
)  # fmt: skip


def table_of(card: dict[str, Any], contract: Contract) -> pd.DataFrame:
    """The table of one card: a column that a card does not name is not known."""
    return frame_of([dict.fromkeys((*contract.required, *contract.entities[:1])) | card])


def as_said_by_the_table(card: dict[str, Any], contract: Contract, tz: str) -> dict[str, Any] | Rejected:
    checked = check(table_of(card, contract), contract, tz=tz)
    if len(checked.quarantined):
        return Rejected(checked.quarantined["rule"].iloc[0], checked.quarantined["column"].iloc[0])
    row = checked.valid.iloc[0]
    return {name: None if pd.isna(row[name]) else row[name] for name in checked.valid.columns if name in card}


def assert_agree(card: dict[str, Any], contract: Contract) -> None:
    one = check_one if contract is SUBMISSIONS else check_one_outcome
    assert one(card, tz="America/New_York") == as_said_by_the_table(card, contract, "America/New_York")


@pytest.mark.parametrize("contract", [SUBMISSIONS, OUTCOMES], ids=lambda c: c.name)
def test_one_card_agrees_with_its_table(contract: Contract, full_or: Any) -> None:
    base = (
        CARD
        if contract is SUBMISSIONS
        else {"submission_id": "s", "answered_at": "2026-01-05T00:00Z", "status": "failed"}
    )

    @settings(
        max_examples=full_or(3_000, 100),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(st.dictionaries(st.sampled_from([*contract.names, "note"]), CELLS, max_size=6))
    def agree(changes: dict[str, Any]) -> None:
        assert_agree({k: v for k, v in (base | changes).items() if k in contract.names}, contract)
        assert_agree(changes | {k: v for k, v in base.items() if k not in changes}, contract)

    agree()


def test_a_clean_card_comes_back_as_it_is() -> None:
    assert check_one(CARD) == CARD
    assert check_one({"订单号": "s1", "提交时间(北京时间)": "2026-01-05 08:00:00", "商户": "u1", "面值": "¥100"}) == {
        "submission_id": "s1",
        "submitted_at": CARD["submitted_at"],
        "submitter_id": "u1",
        "face_value": 100.0,
    }


def test_a_card_under_any_names_in_any_order_is_the_card_under_its_own() -> None:
    """Aliases, names that are no column and other orders, each met for the first time and then again."""
    rng = random.Random(2)
    said = {c.name: [c.name, *c.aliases.split(), c.name.upper() + " *"] for c in SUBMISSIONS.columns}
    values = CARD | {"channel": "电商", "region_of_use": "广东", "client_ip": "10.0.0.1", "valid_until": "2026-09-01"}
    for _ in range(300):
        names = {"submission_id", "submitted_at", *rng.sample(sorted(values), rng.randrange(1, len(values)))}
        card = {rng.choice(said[name]): values[name] for name in sorted(names)}
        card |= {rng.choice(["note", "备注1", "x y", "12345678901234567", ""]): rng.choice([None, "合计", 1])}
        shown = list(card.items())
        rng.shuffle(shown)
        own = {name: values[name] for name in SUBMISSIONS.names if name in names}
        found = [check_one(dict(shown), tz="UTC") for _ in range(2)]
        assert found == [check_one(own, tz="UTC")] * 2
        assert not isinstance(found[0], dict) or list(found[0]) == list(own)
    kept = _plan(SUBMISSIONS).quick.meant
    assert "note" in kept
    assert "12345678901234567" not in kept, "what could be a code is not kept"


@pytest.mark.parametrize(
    ("card", "rejected"),
    [
        ({}, Rejected("missing_required", "submission_id")),
        ({"submission_id": "s"}, Rejected("missing_required", "submitted_at")),
        (CARD | {"submitter_id": None}, Rejected("missing_entity", "")),
        (CARD | {"face_value": -1}, Rejected("negative_money", "face_value")),
        (CARD | {"card_no": 1e17}, Rejected("mangled_number", "card_no")),
        (CARD | {"submission_id": "合计", "submitted_at": None}, Rejected("total_line", "")),
    ],
)
def test_a_broken_card_is_rejected_by_rule(card: dict[str, Any], rejected: Rejected) -> None:
    assert check_one(card) == rejected


def test_what_is_no_card_is_an_error() -> None:
    with pytest.raises(InputError, match="expected a mapping of column to value, got list"):
        check_one([CARD])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="expected one column for card_no, got 2"):
        check_one({"卡号": "1", "Card Number": "2"} | {k: v for k, v in CARD.items() if k != "card_no"})
    with pytest.raises(TimeZoneError, match="submitted_at: expected times with a zone"):
        check_one(CARD | {"submitted_at": "2026-01-05 08:00:00"})
    with pytest.raises(TimeZoneError, match="expected a time zone name"):
        check_one(CARD, tz="Asia/Nowhere")


def test_the_moment_a_card_became_known() -> None:
    later = CARD | {"submission_id": "s2", "received_at": datetime(2026, 1, 6, microsecond=7, tzinfo=UTC)}
    valid = check_submissions(pd.DataFrame([CARD, later])).valid
    assert known_at(valid).tolist() == [known_at_one(CARD), known_at_one(later)]
    assert known_at_one(later) == 1767657600000007


def test_a_table_of_mappings_takes_any_cell() -> None:
    frame = frame_of([CARD | {"note": "\ud800"}, {"submission_id": "\udfff", 5: [1, 2]}])  # type: ignore[dict-item]
    assert frame.loc[0, "note"] == "\ud800"
    assert frame[5].tolist() == [None, [1, 2]]
    assert check_submissions(frame).quarantined["rule"].tolist() == ["bad_characters"]
    assert frame_of([]).empty
    with pytest.raises(InputError, match="expected a sequence of mappings"):
        frame_of(CARD)  # type: ignore[arg-type]


def test_a_time_as_services_write_it_is_read_as_any_other() -> None:
    """Near misses of the one form that is read at once: a blank before it keeps a text off that road."""
    rng = random.Random(1)
    forms = ["2026-01-05T08:00:00Z", "2026-02-28T23:59:59.123Z", "2024-02-29T08:00:00.123456Z", "1999-12-31T23:59:59Z"]
    forms += ["2026-01-05T08:00:00+00:00", "2026-01-05T23:00:00.5-05:30", "2100-01-01T04:00:00+08:00"]
    for _ in range(3_000):
        text = list(rng.choice([*forms, "2100-01-01T00:00:00Z", "2026-W01-1T08:00:00Z"]))
        for _ in range(rng.randrange(3)):
            text[rng.randrange(len(text))] = rng.choice("0123456789:-T.Z+,W")
        card = {"submission_id": "a", "submitter_id": "u", "submitted_at": "".join(text)}
        assert check_one(card, tz="UTC") == check_one(card | {"submitted_at": " " + "".join(text)}, tz="UTC")


@pytest.mark.parametrize("column", ["submission_id", "client_ip", "card_no", "region_of_use", "submitter_id"])
def test_texts_that_look_plain_and_are_not_are_read_as_their_column_reads_them(column: str) -> None:
    nothing = ["", "nan", "NaN", "N/a", "NULL", "None", "-", "--", "NaT", "#N/A", "\\N", "—"]
    numbers = ["1.0", "12.", "1.5e3", "12E+4", "1e+5", "1.5", "10.0.0.1", "+5", "123456789012345678.0"]
    edges = [" a", "a ", "'a", '"a"', "=1", "a=1", "a\x1fb", "a\nb", "é", "\ud800", "x" * 128, "x" * 129, "x" * 257]
    for text in [*nothing, *numbers, *edges]:
        assert_agree(CARD | {"device_id": "d1", column: text}, SUBMISSIONS)
