"""Scenarios that contradict themselves are refused with the contradiction, before anything is written."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cardrisk.errors import ScenarioError, UnusableFileError
from cardrisk.world import DEFAULT_CALENDAR, Diversion, DoubleSell, ForgedBatch, RuleChange, Scenario, generate, write
from cardrisk.world.scenario import check, from_dict, read
from cardrisk.world.scenario import write as write_scenario


def changed(table: dict[str, dict[str, float]], channel: str, **values: float) -> dict[str, dict[str, float]]:
    return table | {channel: table[channel] | values}


def read_back(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


BASE = Scenario()
IMPOSSIBLE = [
    (replace(BASE, length=0), "length: expected 1 day or more"),
    (replace(BASE, cause_rates=changed(BASE.cause_rates, "offline", forged=1.5)), "a share from 0 to 1, got 1.5"),
    (replace(BASE, cause_rates=changed(BASE.cause_rates, "offline", forged=0.5)), "outside failure_bands.offline"),
    (replace(BASE, cause_rates=changed(BASE.cause_rates, "offline", rust=0.5)), r"unknown \['rust'\]"),
    (replace(BASE, cause_rates={"offline": {}}), "expected the channels"),
    (replace(BASE, failure_bands=BASE.failure_bands | {"vertical": (0.5, 0.2)}), "low <= high"),
    (replace(BASE, screening_stops=changed(BASE.screening_stops, "vertical", other=1.0)), "stops every card"),
    (replace(BASE, screening_stops=BASE.screening_stops | {"vertical": {"ok": 0.1}}), r"missing \['other'\]"),
    (replace(BASE, family_mix=changed(BASE.family_mix, "vertical", game=0.1)), "add up to 1"),
    (replace(BASE, daily=BASE.daily | {"vertical": 0.0}), "more than 0 cards a day"),
    (replace(BASE, incidents=(ForgedBatch(day=400),)), r"expected 0 to 365 \(the calendar\), got 400"),
    (replace(BASE, incidents=(ForgedBatch(day=-1),)), "got -1"),
    (replace(BASE, incidents=(ForgedBatch(day=1, kind="zune"),)), "no card kind 'zune'"),
    (replace(BASE, incidents=(ForgedBatch(day=1, channel="moon"),)), "channel: expected one of"),
    (replace(BASE, incidents=(ForgedBatch(day=1, size=0),)), "size: expected 1 card or more"),
    (replace(BASE, incidents=(ForgedBatch(day=1, days=0),)), "days: expected 1 or more"),
    (replace(BASE, incidents=(ForgedBatch(day=1, days=3, every=2),)), "every: comes again after 2 days but lasts 3"),
    (replace(BASE, incidents=(RuleChange(day=1, extra=1.2),)), "extra: expected 0 to 1"),
    (replace(BASE, incidents=(RuleChange(day=1, cause="rust"),)), "cause: expected one of"),
    (replace(BASE, incidents=(Diversion(day=1, kind="jd_ecard"),)), "used in any region"),
    (replace(BASE, incidents=(Diversion(day=1, region="ZZ"),)), "region: expected one of"),
    (replace(BASE, incidents=(DoubleSell(day=1, days=3),)), "expected 2"),
    (replace(BASE, incidents=(ForgedBatch(day=1),) * 49), "at most 48"),
    (replace(BASE, incidents=(ForgedBatch(day=364, days=3),)), "last past the calendar of 366"),
    (replace(BASE, incidents=(ForgedBatch(day=1, days=1.5),)), "days: expected a whole number, got 1.5"),  # type: ignore[arg-type]
    (replace(BASE, incidents=(ForgedBatch(day=1, hours=float("nan")),)), "hours: expected a number, got nan"),
    (replace(BASE, incidents=(ForgedBatch(day=1, hours=-1.0),)), "hours: expected 0 to 24, got -1"),
    (replace(BASE, incidents=(ForgedBatch(day=1, every="x"),)), "every: expected a whole number"),  # type: ignore[arg-type]
    (replace(BASE, incidents=({"day": 1},)), "expected a tuple of incidents"),  # type: ignore[arg-type]
    (replace(BASE, daily=BASE.daily | {"vertical": float("inf")}), "daily.vertical: expected more than 0"),
    (replace(BASE, daily=3), "daily: expected a table by channel"),  # type: ignore[arg-type]
    (replace(BASE, kinds_file=3), "kinds_file: expected the path"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("scenario", "message"), IMPOSSIBLE)
def test_a_contradiction_is_spelled_out(scenario: Scenario, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        check(scenario)


@pytest.mark.parametrize(("scenario", "message"), IMPOSSIBLE[:3])
def test_nothing_is_written_for_an_impossible_world(tmp_path: Path, scenario: Scenario, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        write(tmp_path / "out", 1, 0.001, 7, scenario=scenario)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"days": 0}, "days: expected 1 to 366"),
        ({"days": 367}, "give a longer length"),
        ({"scale": 0.0}, "scale: expected more than 0"),
        ({"scale": float("nan")}, "scale: expected more than 0"),
        ({"seed": -1}, "seed: expected 0"),
        ({"start": "soon"}, "start: expected a date"),
        ({"start": None}, "start: expected a date"),
        ({"start": "9999-12-31"}, "from 2001-01-01 to 2080-12-31"),
        ({"start": "2000-12-31"}, "from 2001-01-01 to 2080-12-31"),
        ({"days": 1.5}, "days: expected 1 to 366"),
        ({"days": "3"}, "days: expected 1 to 366"),
        ({"scale": "all"}, "scale: expected more than 0"),
        ({"seed": None}, "seed: expected 0"),
        ({"scenario": {}}, "scenario: expected a cardrisk.world.Scenario, got dict"),
        ({"screening": "none"}, "screening: expected 'activated' or 'raw'"),
    ],
)
def test_impossible_questions_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        generate(**({"days": 1, "scale": 0.001, "seed": 7} | arguments))  # type: ignore[arg-type]


def test_a_scenario_survives_its_file(tmp_path: Path) -> None:
    scenario = Scenario(
        length=40,
        cause_rates=changed(BASE.cause_rates, "offline", forged=0.01),
        incidents=(*DEFAULT_CALENDAR, ForgedBatch(day=3, every=9, size=100)),
    )
    write_scenario(scenario, tmp_path / "scenario.toml")
    assert read(tmp_path / "scenario.toml") == scenario
    odd = replace(scenario, kinds_file='a "folder"\\with\n\x01\u4e2d')
    write_scenario(odd, tmp_path / "odd.toml")
    assert read_back(tmp_path / "odd.toml")["kinds_file"] == odd.kinds_file
    write_scenario(Scenario(incidents=()), tmp_path / "calm.toml")
    assert read(tmp_path / "calm.toml") == Scenario(incidents=())


def test_numpy_numbers_give_the_same_world_and_files(tmp_path: Path) -> None:
    plain = Scenario(length=9, incidents=(ForgedBatch(day=1, size=900, hours=2.5),))
    numpy = Scenario(
        length=np.int64(9),  # type: ignore[arg-type]
        cause_rates={c: {k: np.float64(v) for k, v in rates.items()} for c, rates in plain.cause_rates.items()},
        incidents=(ForgedBatch(day=np.int64(1), size=np.int32(900), hours=np.float64(2.5)),),  # type: ignore[arg-type]
    )
    write_scenario(numpy, tmp_path / "scenario.toml")
    assert read(tmp_path / "scenario.toml") == plain
    said = write(tmp_path / "plain", 2, 0.001, 7, scenario=plain)
    assert write(tmp_path / "numpy", np.int64(2), np.float64(0.001), np.int64(7), scenario=numpy) == said  # type: ignore[arg-type]
    manifests = [(tmp_path / name / "manifest.json").read_bytes() for name in ("plain", "numpy")]
    assert manifests[0] == manifests[1]


@pytest.mark.parametrize("more", [{"workers": 0}, {"workers": -1}, {"chunk": 0}, {"workers": 1.5}])
def test_no_worker_makes_no_world(tmp_path: Path, more: dict[str, int]) -> None:
    with pytest.raises(ScenarioError, match="expected 1 or more"):
        write(tmp_path / "out", 1, 0.001, 7, **more)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_file_need_only_name_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[[incidents]]\nsort = "forged_batch"\nday = 2\n', encoding="utf-8")
    assert read(path) == Scenario(incidents=(ForgedBatch(day=2),))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"colour": 1}, r"unknown entries \['colour'\]"),
        ({"incidents": [{"sort": "flood"}]}, "sort: expected one of"),
        ({"incidents": [{"sort": "forged_batch", "day": 1, "colour": 1}]}, r"unknown entries \['colour'\]"),
        ({"incidents": [{"sort": "forged_batch"}]}, "day"),
        ({"incidents": [{"sort": "forged_batch", "day": "x"}]}, "day: expected"),
        ({"daily": 3}, "expected a table by channel"),
        ({"cause_rates": {"offline": {"forged": "x"}}}, "expected a share"),
        ({"failure_bands": {"offline": [0.1]}}, "failure_bands.offline"),
        ({"length": "long"}, "length: expected"),
        ({"cause_rates": {"offline": 0.1}}, "cause_rates.offline: expected a table of shares"),
        ({"failure_bands": {"offline": 0.1}}, "failure_bands.offline: expected low and high"),
        ({"failure_bands": {"offline": ["a", "b"]}}, "failure_bands.offline: expected 0 <= low"),
        ({"incidents": "flood"}, "incidents: expected a list of tables"),
        ({"incidents": [{"sort": []}]}, "sort: expected one of"),
        ({"incidents": [{"sort": "forged_batch", "day": 1, "kind": []}]}, "kind: expected a text"),
    ],
)
def test_a_wrong_entry_is_named(document: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        from_dict(document)


def test_an_unreadable_file_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "x.toml", tmp_path / "none.toml", tmp_path):
        with pytest.raises(UnusableFileError, match="expected a TOML file of a scenario"):
            read(path)
