"""Scorers over any store."""

import pytest

from tests.stores import serving

__all__ = ["serving"]


@pytest.fixture
def make(tiny, key):
    """Scorers of the small model; closed when the test ends."""
    import cardrisk

    made = []

    def scorer(store="memory://", **more):
        made.append(cardrisk.Scorer(str(tiny.bundle), store=store, **{"key": key, **more}))
        return made[-1]

    yield scorer
    for one in made:
        one.close()
