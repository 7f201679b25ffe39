import numpy as np
import pandas as pd
import pytest

from cardrisk.errors import InputError, TimeZoneError
from cardrisk.facts import CAUSES
from cardrisk.risk.labels import DAY, DISPUTE, GATEWAY, MANUAL, NEVER, answers_in_force, labels_of, micro


def at(*micros: int) -> pd.Series:
    return pd.Series(np.array(micros, "datetime64[us]")).dt.tz_localize("UTC")


def outcomes(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["submission_id", "when", "status", "cause", "label_source"])
    frame["answered_at"] = at(*frame.pop("when"))
    return frame


def slow(rows: list[tuple], card: str, as_of: int) -> float:
    """The law, read aloud: latest answer before the moment, worst of a tie."""
    rank = {"unknown": 0, "success": 1, "partial": 2, "failed": 3}
    before = [(when, rank[status]) for name, when, status, *_ in rows if name == card and when < as_of]
    if not before:
        return float("nan")
    worst = max(before)[1]
    return float("nan") if worst == 0 else float(worst >= 2)


def test_equals_the_law_read_aloud_on_random_answers(full_or):
    random = np.random.default_rng(3)
    for _ in range(full_or(2_000, 100)):
        count = int(random.integers(1, 40))
        status = random.choice(["success", "failed", "partial", "unknown"], count)
        rows = [(f"c{random.integers(6)}", int(random.integers(10)), str(said), "forged", None) for said in status]
        as_of = int(random.integers(12))
        cards = pd.Series([f"c{number}" for number in range(7)])
        got = labels_of(cards, outcomes(rows), as_of).failed
        np.testing.assert_array_equal(got, [slow(rows, card, as_of) for card in cards])


def test_rows_known_at_or_after_the_moment_change_nothing():
    early = [("a", 5, "success", None, None)]
    late = [*early, ("a", 10, "failed", "forged", "manual"), ("b", 11, "failed", "forged", None)]
    cards = pd.Series(["a", "b"])
    one, two = labels_of(cards, outcomes(early), 10), labels_of(cards, outcomes(late), 10)
    np.testing.assert_array_equal(one.failed, two.failed)
    np.testing.assert_array_equal(one.answered, [5, NEVER])
    assert labels_of(cards, outcomes(late)).failed.tolist() == [1.0, 1.0]


def test_unanswered_cards_have_no_label_and_are_no_success():
    labels = labels_of(pd.Series(["a", "b"]), outcomes([("a", 5, "unknown", None, None)]))
    assert np.isnan(labels.failed).all()
    assert not labels.known.any()


def test_causes_only_on_failures_and_trust_only_in_people():
    rows = [
        ("a", 1, "failed", "forged", "gateway"),
        ("b", 1, "success", "ok", "gateway"),
        ("c", 1, "partial", "expired", "manual"),
        ("d", 1, "failed", "a message nobody mapped", "dispute"),
        ("e", 1, "success", "forged", "gateway"),
    ]
    labels = labels_of(pd.Series(list("abcde")), outcomes(rows))
    assert labels.cause.tolist() == [CAUSES.index("forged"), -1, CAUSES.index("expired"), -1, -1]
    assert labels.source.tolist() == [GATEWAY, GATEWAY, MANUAL, DISPUTE, GATEWAY]


def test_optional_columns_may_be_absent_and_tables_empty():
    plain = outcomes([("a", 1, "failed", None, None)])[["submission_id", "answered_at", "status"]]
    assert labels_of(pd.Series(["a"]), plain).cause.tolist() == [-1]
    assert not labels_of(pd.Series(["a"]), plain.iloc[:0]).known.any()
    assert not len(answers_in_force(plain.iloc[:0]))


def test_moments():
    assert micro(pd.Timestamp("1970-01-02T08:00+08:00")) == DAY
    assert micro("1970-01-02T00:00Z") == micro(DAY) == DAY
    with pytest.raises(TimeZoneError, match=r"expected a moment with a time zone, got '2026-01-01'"):
        micro("2026-01-01")
    with pytest.raises(InputError, match="expected a moment such as"):
        micro("yesterday noon")
