"""A world in memory: frames of submissions, answers and truth.

Correct when the frames hold exactly what :func:`cardrisk.world.day.make` says of each day, in order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.errors import ScenarioError
from cardrisk.world.day import DayTables, make
from cardrisk.world.ground import Ground
from cardrisk.world.manifest import TABLES
from cardrisk.world.scenario import Scenario, check
from cardrisk.world.wanted import is_number, is_whole

START: Final = "2026-01-05"
"""A Monday."""
MOST_SCALE: Final = 50.0
FIRST_START: Final = np.datetime64("2001-01-01", "D")
LAST_START: Final = np.datetime64("2080-12-31", "D")
"""First days of worlds whose times, valid-until dates included, the contracts of the tables read."""


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
    start: str = START,
    screening: Literal["activated", "raw"] = "activated",
    scenario: Scenario | None = None,
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
        Rates, mixes and incidents; ``None`` for the document's with the default calendar.

    Returns
    -------
    World
        Frames of submissions, outcomes and truth.

    Raises
    ------
    ScenarioError
        Days, scale or screening make no world.
    """
    ground = prepare(days, scale, seed, start=start, screening=screening, scenario=scenario)
    return gather(make(ground, day) for day in range(days))


def gather(days: Iterable[DayTables]) -> World:
    """Return the world of several days' tables, in their order."""
    parts: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
    for tables in days:
        for name in TABLES:
            parts[name].append(plain(getattr(tables, name)))
    return World(**{name: frame(pa.concat_tables(parts[name])) for name in TABLES})


def prepare(
    days: int,
    scale: float,
    seed: int,
    *,
    start: str = START,
    screening: str = "activated",
    scenario: Scenario | None = None,
) -> Ground:
    """Return the ground of a world after checking what was asked.

    Raises
    ------
    ScenarioError
        Days, scale, seed, start or screening make no world, or the scenario contradicts itself.
    """
    scenario = Scenario() if scenario is None else scenario
    check(scenario)
    if not is_whole(days) or not 1 <= days <= scenario.length:
        raise ScenarioError(
            f"days: expected 1 to {scenario.length} (the scenario's calendar), got {days!r}; give a longer length"
        )
    if not is_number(scale) or not 0.0 < scale <= MOST_SCALE:
        raise ScenarioError(f"scale: expected more than 0 and at most {MOST_SCALE}, got {scale!r}")
    if not is_whole(seed) or not 0 <= seed < 2**63:
        raise ScenarioError(f"seed: expected 0 to 2**63 - 1, got {seed!r}")
    if screening not in ("activated", "raw"):
        raise ScenarioError(f"screening: expected 'activated' or 'raw', got {screening!r}")
    try:
        inside = bool(FIRST_START <= np.datetime64(start, "D") <= LAST_START)  # NaT compares false
    except (ValueError, TypeError):
        inside = False
    if not inside:
        raise ScenarioError(f"start: expected a date as YYYY-MM-DD from {FIRST_START} to {LAST_START}, got {start!r}")
    return scenario.ground(seed, scale, start, screened=screening == "activated")


def plain(table: pa.Table) -> pa.Table:
    """Return ``table`` with every encoded text column decoded."""
    schema = pa.schema(
        [pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
    )
    return table.cast(schema)


def frame(table: pa.Table) -> pd.DataFrame:
    """Return a pandas frame: text as ``str``, times in UTC microseconds, flags as nullable booleans."""
    return cast(pd.DataFrame, table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get))
