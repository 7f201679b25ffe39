"""What cannot be trained on is refused in this library's words, whatever it is."""

import pandas as pd
import pytest

import cardrisk
from cardrisk.errors import InputError

KEY = bytes(range(32))
CARDS = pd.DataFrame(
    {"submission_id": ["a", "b"], "submitted_at": ["2026-01-05T08:00Z", "2026-01-05T09:00Z"], "submitter_id": "u"}
)
ANSWERS = pd.DataFrame(
    {"submission_id": ["a", "b"], "answered_at": ["2026-01-05T10:00Z"] * 2, "status": ["success", "failed"]}
)


@pytest.mark.parametrize("history", [CARDS, (CARDS, ANSWERS, ANSWERS), "world"])
def test_a_history_that_is_no_pair(history: object) -> None:
    with pytest.raises(InputError, match=r"history: expected a pair \(submissions, outcomes\)"):
        cardrisk.train(CARDS, ANSWERS, history=history)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"history: expected a pair \(submissions, outcomes\)"):
        cardrisk.evaluate(None, CARDS, ANSWERS, history=history)  # type: ignore[arg-type]


def test_tables_that_are_no_frames() -> None:
    with pytest.raises(InputError, match="submissions: expected a pandas DataFrame, got NoneType"):
        cardrisk.train(None, ANSWERS)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="outcomes: expected a pandas DataFrame, got NoneType"):
        cardrisk.train(CARDS, None, key=KEY)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="outcomes: expected column"):
        cardrisk.train(CARDS, pd.DataFrame(), as_of="2026-02-01T00:00Z", key=KEY)
