"""Shared by every test: how much to run, and a token key that belongs to the tests alone."""

import os
from collections.abc import Callable

import pytest

TEST_ALL = os.environ.get("CARDRISK_TEST_ALL") == "1"


@pytest.fixture(scope="session")
def full_or() -> Callable[[int, int], int]:
    """``full_or(full, sample)``: the issue's count under `make test-all`, a seeded sample otherwise."""
    return lambda full, sample: full if TEST_ALL else sample


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if TEST_ALL:
        return
    skip = pytest.mark.skip(reason="soak: runs in `make test-all`")
    for item in items:
        if "soak" in item.keywords:
            item.add_marker(skip)
