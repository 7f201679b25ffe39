"""Every rule by name: the name is the error code that a quarantine shows.

Correct means: no rule is applied anywhere under a name that does not stand here.
"""

import re
from types import MappingProxyType
from typing import Final

from cardrisk.tables.cells import Fault, tidy

MISSING_REQUIRED: Final = "missing_required"
MISSING_ENTITY: Final = "missing_entity"
TOTAL_LINE: Final = "total_line"
RAGGED_LINE: Final = Fault("ragged_line")
LINE_WITHOUT_SECRET: Final = Fault("line_without_secret")
UNREADABLE_LINE: Final = Fault("unreadable_line")
DATED_AHEAD: Final = "dated_ahead"
REPEATED_ID: Final = "duplicate_submission_id"

RULES: Final = MappingProxyType(
    {
        MISSING_REQUIRED: "a required cell is empty",
        MISSING_ENTITY: "nothing is known about who or where the card came from",
        TOTAL_LINE: "the line is a total of others, not a card",
        REPEATED_ID: "an earlier valid row has the same submission_id",
        RAGGED_LINE.rule: "the line has more or fewer cells than the header",
        LINE_WITHOUT_SECRET.rule: "the line of a batch text has one code where two are needed",
        UNREADABLE_LINE.rule: "the line of a batch text cannot be split into a number and a secret",
        "wrong_type": "the cell is of a type this column cannot hold",
        "too_long": "the text is longer than this column allows",
        "bad_characters": "the text holds control characters or broken Unicode",
        "mangled_number": "a spreadsheet or a float lost digits of it; they cannot be got back",
        "unknown_value": "not one of the values this column knows",
        "unreadable_number": "not a number",
        "unreadable_flag": "neither yes nor no",
        "unreadable_money": "not an amount of yuan",
        "negative_money": "an amount below zero",
        "not_finite": "infinite",
        "out_of_range": "outside the range of this column",
        "unreadable_time": "not a time in a known format",
        "ambiguous_date": "day and month cannot be told apart; write year-month-day",
        "time_out_of_range": "before the year 2000 or after 2099",
        "nonexistent_local_time": "daylight saving skipped this local time",
        DATED_AHEAD: "in service: the moment lies ahead of the host's clock",
        "ambiguous_local_time": "daylight saving repeated this local time; it names two instants",
    }
)
"""Rule to what it means."""

_TOTAL: Final = re.compile(r"(?:本页|总|全部)?(?:合计|总计|小计|共计|汇总)|(?:grand|sub)? ?totals?|sum", re.IGNORECASE)
_COUNT: Final = re.compile(r" *[:(]? *[\d.,¥元笔张条个 )]*")


def says_total(cell: object) -> bool:
    """Whether a cell says that its row is a total: 合计, 总计: 12 笔, Grand total ..."""
    if not isinstance(cell, str) or len(cell) > 64:
        return False
    text = tidy(cell)
    if isinstance(text, Fault):
        return False
    start = _TOTAL.match(text)
    return start is not None and _COUNT.fullmatch(text, start.end()) is not None
