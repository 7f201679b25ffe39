"""Worlds that many tests look at, made once."""

from collections.abc import Callable

import pandas as pd
import pytest

from cardrisk.world import Scenario, World, generate
from cardrisk.world.day import DayTables, make
from cardrisk.world.frames import START, gather

SEEDS = (7, 8, 9, 10, 11)


@pytest.fixture(scope="session")
def scale(full_or: Callable[[int, int], int]) -> float:
    """Scale of the calm worlds: 530,000 cards a seed in the full run, 53,000 in the sample."""
    return full_or(10, 1) / 100.0


@pytest.fixture(scope="session")
def calm(scale: float) -> dict[int, World]:
    """Per seed 28 days without incidents."""
    return {seed: generate(28, scale, seed, scenario=Scenario(incidents=())) for seed in SEEDS}


@pytest.fixture(scope="session")
def default_days() -> list[DayTables]:
    """The default scenario, 28 days at a fiftieth of the document's volume, incidents included."""
    ground = Scenario().ground(7, 0.02, START)
    return [make(ground, day) for day in range(28)]


@pytest.fixture(scope="session")
def default(default_days: list[DayTables]) -> World:
    """The same as frames."""
    return gather(default_days)


@pytest.fixture(scope="session")
def raw(full_or: Callable[[int, int], int]) -> dict[int, World]:
    """Per seed some days of the stream before screening."""
    return {
        seed: generate(full_or(7, 4), full_or(10, 3) / 100.0, seed, screening="raw", scenario=Scenario(incidents=()))
        for seed in SEEDS
    }


def joined(world: World) -> pd.DataFrame:
    """Submissions beside their truth, with ``failed`` and the clusters that failures come in, as integers."""
    cards = world.submissions
    lot = (cards["card_kind"] + cards["card_no"].str[:-4]).fillna(cards["submitter_id"])
    holder = cards["store_id"].fillna(cards["supplier_id"]).fillna(cards["submitter_id"])
    clusters = {"lot": lot, "submitter": cards["submitter_id"], "holder": holder}
    frame = pd.concat([cards, world.truth.drop(columns="submission_id")], axis=1)
    return frame.assign(
        failed=frame["cause"] != "ok", **{name: pd.factorize(column)[0] for name, column in clusters.items()}
    )
