"""The same bytes whatever days, workers and chunks; whole files or none; a manifest that adds up."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from cardrisk.world import Scenario, generate, write
from cardrisk.world.day import DayTables, make
from cardrisk.world.digest import digest
from cardrisk.world.frames import plain

FROZEN = {
    "submissions": "0a396ce2a92a16b42c51d6a5ac8c4e2fc5766d40853139374a017ec88e156777",
    "outcomes": "184c6d0104bf391ee30bbd42864126e54e9cbf23a425b43e27f5ffb6c416ed0c",
    "truth": "ab3ac4939ba83e89635f1ffacc2ed2c3aa152d892b5673b69a2ac0a21901d9ac",
    "stopped": "18cb6484c4ae6a63ae2e072a3df9c8b433725df4738bbccf790eab9d75765f4d",
}
"""Digests of the default scenario: 28 days at scale .02, seed 7. They change only with a stated reason."""


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_workers_and_chunks_change_no_byte(tmp_path: Path) -> None:
    small = {"days": 3, "scale": 0.002, "seed": 5}
    write(tmp_path / "one", **small)
    write(tmp_path / "chunks", **small, chunk=2)
    write(tmp_path / "workers", **small, workers=2)
    once = files(tmp_path / "one")
    assert set(once) == {f"{n}.parquet" for n in ("submissions", "outcomes", "truth", "stopped")} | {"manifest.json"}
    assert files(tmp_path / "chunks") == once
    assert files(tmp_path / "workers") == once


def test_more_days_change_no_earlier_day() -> None:
    short, long = generate(3, 0.005, 5), generate(7, 0.005, 5)
    for name in ("submissions", "truth", "outcomes", "stopped"):
        first = getattr(short, name)
        pd.testing.assert_frame_equal(getattr(long, name).iloc[: len(first)], first)


def test_a_day_alone_is_the_day_in_a_row() -> None:
    ground = Scenario().ground(5, 0.005, "2026-01-05")
    alone = digest(make(ground, 9).submissions)
    other = Scenario().ground(5, 0.005, "2026-01-05")
    for day in (3, 8, 9):
        table = make(other, day).submissions
    assert digest(table) == alone


def test_files_hold_what_memory_holds(tmp_path: Path) -> None:
    write(tmp_path, 2, 0.005, 5)
    world = generate(2, 0.005, 5)
    for name in ("submissions", "outcomes", "truth", "stopped"):
        read = pd.read_parquet(tmp_path / f"{name}.parquet")
        here = getattr(world, name)
        for column in ("account_bound", "is_synthetic"):
            if column in read:
                read[column] = read[column].astype("boolean")
        pd.testing.assert_frame_equal(read, here)


def test_the_manifest_adds_up(tmp_path: Path) -> None:
    said = write(tmp_path, 6, 0.005, 5)
    world = generate(6, 0.005, 5)
    assert json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8")) == json.loads(json.dumps(said))
    assert said["rows"]["submissions"] == len(world.submissions)
    usual = world.truth["incident"].isna()
    for name, channel in said["channels"].items():
        mine = usual & (world.submissions["channel"] == name)
        assert channel["cards_outside_incidents"] == mine.sum()
        assert channel["failure_rate"] == pytest.approx((world.truth["cause"][mine] != "ok").mean(), abs=5e-5)
        assert channel["stopped_by_screening"] == (world.stopped["channel"] == name).sum()
    for name, text in said["sha256"].items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == text
    assert said["incidents"] == world.truth["incident"].value_counts().to_dict()


def test_another_seed_is_another_world_and_raw_contains_activated() -> None:
    one, other = generate(1, 0.005, 5), generate(1, 0.005, 6)
    assert not set(one.submissions["card_secret"]) & set(other.submissions["card_secret"])
    raw = generate(1, 0.005, 5, screening="raw")
    assert len(raw.stopped) == 0
    ids = set(one.submissions["submission_id"]) | set(one.stopped["submission_id"])
    again = {name for name in ids if int(name[6:]) >= 5 * 10**9}
    assert ids - again <= set(raw.submissions["submission_id"])


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    write(tmp_path, 1, 0.002, 5)
    before = files(tmp_path)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, 2, 0.002, 6, progress=stop)
    assert files(tmp_path) == before


def test_the_default_scenario_is_frozen(default_days: list[DayTables]) -> None:
    whole = {name: pa.concat_tables(plain(getattr(day, name)) for day in default_days) for name in FROZEN}
    assert {name: digest(table) for name, table in whole.items()} == FROZEN
