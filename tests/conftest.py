"""Shared by every test: how much to run, and a token key that belongs to the tests alone."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from tests.stores import durable, redis_server, redis_url, sqlite_url, url

__all__ = ["durable", "redis_server", "redis_url", "sqlite_url", "url"]

TEST_ALL = os.environ.get("CARDRISK_TEST_ALL") == "1"


@pytest.fixture(scope="session")
def full_or() -> Callable[[int, int], int]:
    """``full_or(full, sample)``: the issue's count under `make test-all`, a seeded sample otherwise."""
    return lambda full, sample: full if TEST_ALL else sample


KEY = "a key for tests alone, 0123456789 abcdefghij"


class Tiny(NamedTuple):
    """A small world, its learning and later part, and the bundle of a small model trained on the first."""

    early: pd.DataFrame
    late: pd.DataFrame
    outcomes: pd.DataFrame
    truth: pd.DataFrame
    bundle: Path


@pytest.fixture(scope="session")
def key() -> Callable[[], bytes]:
    """A token key as a key service would hand it over."""
    return KEY.encode


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, key: Callable[[], bytes]) -> Tiny:
    """About 8,000 cards over 21 days; the model learns from the first 14."""
    import cardrisk

    world = cardrisk.generate(days=21, scale=0.002, seed=5)
    cut = world.submissions["submitted_at"].min().floor("D") + pd.Timedelta(days=14)
    early = (world.submissions["submitted_at"] < cut).to_numpy()
    settings = {"rounds": 30, "cause_rounds": 3, "num_leaves": 15}
    model = cardrisk.train(world.submissions[early], world.outcomes, as_of=cut, key=key, params=settings, threads=1)
    bundle = tmp_path_factory.mktemp("tiny") / "bundle"
    model.save(bundle)
    late = world.submissions[~early].reset_index(drop=True)
    return Tiny(world.submissions[early], late, world.outcomes, world.truth, bundle)


LONGEST = (
    "jobs/test_spark.py",
    "test_notebooks.py",
    "test_canary.py",
    "jobs/test_score.py",
    "codes/test_hostile.py",
    "registry/test_promote.py",
    "examples/test_kill.py",
    "scoring/test_processes.py",
    "jobs/test_kill.py",
    "examples/test_fuzz.py",
    "features/stores/test_replay.py",
    "features/stores/test_crash.py",
)
"""Modules that take longest, first: workers that share the rest end together."""


def _rank(item: pytest.Item) -> int:
    path = item.path.as_posix()
    return next((rank for rank, name in enumerate(LONGEST) if path.endswith(f"tests/{name}")), len(LONGEST))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_rank)
    if TEST_ALL:
        return
    skip = pytest.mark.skip(reason="soak: runs in `make test-all`")
    for item in items:
        if "soak" in item.keywords:
            item.add_marker(skip)
