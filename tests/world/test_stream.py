"""The same bytes whatever days, workers and chunks; whole files or none; a manifest that adds up."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from cardrisk.tables import OUTCOMES, SUBMISSIONS, check
from cardrisk.world import Scenario, generate, write
from cardrisk.world.day import DayTables, make
from cardrisk.world.digest import digest
from cardrisk.world.frames import plain

FROZEN = {
    "submissions": "e232906ae621ad9565266b9591be6fda690aec6c38a6b6ce66d9d7ebf3f95af1",
    "outcomes": "3e7261e5f81cab7225af2f961bb677659214b61b686e7436932681994d09bc19",
    "truth": "a9f938ec4c96e6f23d0c83cbea82e3ac1509b0b88364fc9fc038ba572131421e",
    "stopped": "63e4d15554b002994f83c2461bc2760a073750a05bf717a19b31903454ff389f",
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


def test_every_row_keeps_the_contracts(default_days: list[DayTables]) -> None:
    """Nothing that is generated is quarantined later: accounts too, however old they are drawn."""
    for name, contract in (("submissions", SUBMISSIONS), ("stopped", SUBMISSIONS), ("outcomes", OUTCOMES)):
        rows = pa.concat_tables(plain(getattr(day, name)) for day in default_days).to_pandas()
        refused = check(rows, contract).quarantined
        assert refused.empty, (name, refused["rule"].value_counts())


def test_the_default_scenario_is_frozen(default_days: list[DayTables]) -> None:
    whole = {name: pa.concat_tables(plain(getattr(day, name)) for day in default_days) for name in FROZEN}
    assert {name: digest(table) for name, table in whole.items()} == FROZEN
