"""A world in memory: frames of submissions, answers and truth.

Correct when the frames hold exactly what :func:`cardrisk.world.day.make` says of each day, in order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.errors import ScenarioError
from cardrisk.kinds import KINDS
from cardrisk.world.day import make
from cardrisk.world.ground import Ground, KindTable


@dataclass(frozen=True)
class World:
    """A generated world; unpacks into its first three frames.

    Attributes
    ----------
    submissions
        One row per card, in order of ``submitted_at``.
    outcomes
        Every answer, also those that come after the last day; in order of ``answered_at`` inside the card's day.
    truth
        Row by row to ``submissions``: ``submission_id, cause, incident, p_fail, p_<cause>``.
    stopped
        Cards that a platform's own screening stopped, with their true cause; empty on the raw stream.
    """

    submissions: pd.DataFrame
    outcomes: pd.DataFrame
    truth: pd.DataFrame
    stopped: pd.DataFrame

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Unpack as ``submissions, outcomes, truth``."""
        return iter((self.submissions, self.outcomes, self.truth))


def generate(
    days: int = 30,
    scale: float = 0.1,
    seed: int = 7,
    *,
    start: str = "2026-01-05",
    screening: Literal["activated", "raw"] = "activated",
    scenario: None = None,
) -> World:
    """Return a synthetic world.

    Parameters
    ----------
    days
        How many UTC days.
    scale
        1 is the document's 190,000 cards a day.
    seed
        Names the world: the same seed gives the same rows.
    start
        First day, ISO date.
    screening
        ``"activated"``: cards that reach activation after each platform's own screening. ``"raw"``: all cards.
    scenario
        Reserved.

    Returns
    -------
    World
        Frames of submissions, outcomes and truth.

    Raises
    ------
    ScenarioError
        Days, scale or screening make no world.
    """
    if days < 1 or not 0 < scale <= 100:
        raise ScenarioError(f"days: expected 1 or more, scale: 0 to 100; got {days} and {scale}")
    if screening not in ("activated", "raw"):
        raise ScenarioError(f"screening: expected 'activated' or 'raw', got {screening!r}")
    ground = Ground(seed, scale, np.datetime64(start, "D"), KindTable.of(KINDS), screening == "activated")
    tables = [make(ground, day) for day in range(days)]
    return World(
        *(
            frame(pa.concat_tables([getattr(table, name) for table in tables]))
            for name in ("submissions", "outcomes", "truth", "stopped")
        )
    )


def frame(table: pa.Table) -> pd.DataFrame:
    """Return a pandas frame: text as ``str``, times in UTC microseconds, flags as nullable booleans."""
    return table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
