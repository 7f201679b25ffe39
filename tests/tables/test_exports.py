"""Export files as platforms write them: rows in = scored + quarantined, each by its rule."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from cardrisk.tables import OUTCOMES, RULES, SUBMISSIONS, check_submissions, read_cards, read_frame, read_table

EXPORTS = Path(__file__).parents[1] / "data" / "exports"
SUBMISSION_FILES = sorted(p.name for p in EXPORTS.iterdir() if p.suffix in {".csv", ".tsv", ".txt", ".parquet"})


def expected(name: str) -> dict[str, object]:
    return json.loads((EXPORTS / "expected" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SUBMISSION_FILES)
def test_every_row_of_an_export_is_scored_or_quarantined_by_its_rule(name: str) -> None:
    checked = check_submissions(read_cards(EXPORTS / name))
    want = expected(name)
    found = {str(row): rule for row, rule in zip(checked.quarantined["row"], checked.quarantined["rule"], strict=True)}
    assert found == want["quarantined"]
    assert len(checked.valid) == want["scored"]
    assert len(checked.valid) + len(checked.quarantined) == want["rows"]
    assert set(checked.rows) | set(checked.quarantined["row"]) == set(range(int(str(want["rows"]))))
    assert set(found.values()) <= set(RULES)


def test_outcomes_export() -> None:
    name = "outcomes_gb18030.csv"
    checked = read_table(EXPORTS / "outcomes" / name, OUTCOMES)
    want = expected(name)
    assert (
        dict(zip(checked.quarantined["row"].astype(str), checked.quarantined["rule"], strict=True))
        == want["quarantined"]
    )
    assert checked.valid["status"].tolist() == ["success", "failed", "partial", "failed"]
    assert checked.valid["cause"].tolist()[1:] == ["already_used", "insufficient_balance", "already_used"]
    assert checked.valid["settled_value"].tolist() == [50.0, 0.0, 12.5, 0.0]
    assert checked.valid["label_source"].tolist()[-1] == "dispute"


def test_values_of_the_chinese_export_are_what_the_file_says() -> None:
    valid = read_table(EXPORTS / "orders_gb18030.csv", SUBMISSIONS).valid
    first = valid.iloc[0]
    assert first["submitted_at"] == pd.Timestamp("2026-01-05T00:00:00Z")
    assert first["valid_until"] == pd.Timestamp("2028-12-31T15:59:59.999999Z")
    assert (first["channel"], first["card_kind"]) == ("ecommerce", "china_mobile")
    assert set(valid["face_value"]) <= {50.0, 100.0, 1000.0}
    assert set(valid["asking_price"].round(2)) <= {46.5, 93.0, 930.0}


def test_every_way_to_write_a_time_is_the_same_moment() -> None:
    moments = read_table(EXPORTS / "mixed_dates.csv", SUBMISSIONS).valid["submitted_at"]
    eight = pd.Timestamp("2026-01-05T00:00:00Z")
    others = {
        3: "2026-01-05T07:05Z",
        6: "2026-01-05T00:00:00.123456Z",
        8: "2026-01-04T16:00Z",
        12: "2026-01-05T00:00:00.123Z",
    }
    for position, moment in enumerate(moments):
        assert moment == pd.Timestamp(others.get(position, eight)), position


def test_no_code_of_an_export_stands_in_its_quarantine() -> None:
    for name in SUBMISSION_FILES:
        frame = read_cards(EXPORTS / name)
        checked = check_submissions(frame)
        shown = " ".join(checked.quarantined["value"]) + " ".join(checked.ignored)
        for column in (
            "卡号",
            "卡密",
            "密码",
            "Card Number",
            "Card PIN",
            "card_no",
            "card_secret",
            "pin",
            "card_number",
        ):
            if column in frame.columns:
                cells = [str(cell) for cell in frame[column] if len(str(cell)) >= 6]
                assert not [cell for cell in cells if cell in shown]


def test_the_files_are_what_the_script_makes(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("make_exports", EXPORTS / "make.py")
    assert spec is not None
    assert spec.loader is not None
    make: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    make.main(tmp_path)
    for name in make.FILES:
        if name.endswith(".parquet"):  # its bytes depend on the writer's version
            pd.testing.assert_frame_equal(read_frame(tmp_path / name), read_frame(EXPORTS / name))
        else:
            assert (tmp_path / name).read_bytes() == (EXPORTS / name).read_bytes()
    for found in (tmp_path / "expected").iterdir():
        assert found.read_text() == (EXPORTS / "expected" / found.name).read_text()
