"""What a world is and what came of it: settings, achieved rates beside the bands, digests.

Correct when the manifest of a world written in any number of pieces is the manifest of the world.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cardrisk import facts
from cardrisk._version import __version__
from cardrisk.world.day import DayTables
from cardrisk.world.rates import CHANNEL_NAMES
from cardrisk.world.scenario import Scenario

PROTOCOL: Final = 1
TABLES: Final[tuple[str, ...]] = ("submissions", "outcomes", "truth", "stopped")


@dataclass
class Tally:
    """Counts over days.

    Attributes
    ----------
    rows
        Rows by table.
    usual, failed, stopped
        Cards outside incidents, failing ones among them, and cards stopped by screening; by channel.
    causes
        Failing cards outside incidents by true cause.
    incidents
        Cards by incident.
    """

    rows: Counter[str] = field(default_factory=Counter)
    usual: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    stopped: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    incidents: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Count the days of ``other``, which come next."""
        for name in ("rows", "usual", "failed", "stopped", "causes", "incidents"):
            getattr(self, name).update(getattr(other, name))


def _counts(column: pa.Array) -> Counter[str]:
    plain = column.value_counts()
    return Counter({item["values"].as_py(): item["counts"].as_py() for item in plain})


def tally(tables: DayTables) -> Tally:
    """Return the counts of one day."""
    out = Tally()
    out.rows.update({name: getattr(tables, name).num_rows for name in TABLES})
    truth = tables.truth
    usual = truth["incident"].combine_chunks().is_null().to_numpy(zero_copy_only=False)
    cause = truth["cause"].combine_chunks()
    failed = usual & pc.not_equal(cause.cast(pa.string()), facts.OK).to_numpy(zero_copy_only=False)
    channel = tables.submissions["channel"].combine_chunks()
    out.usual = _counts(channel.filter(pa.array(usual)))
    out.failed = _counts(channel.filter(pa.array(failed)))
    out.causes = _counts(cause.filter(pa.array(failed)))
    out.stopped = _counts(tables.stopped["channel"].combine_chunks())
    out.incidents = _counts(truth["incident"].combine_chunks().drop_null())
    return out


def manifest(
    counted: Tally,
    digests: dict[str, str],
    *,
    days: int,
    scale: float,
    seed: int,
    start: str,
    screening: str,
    scenario: Scenario,
) -> dict[str, Any]:
    """Return the manifest of a world as plain values; ``digests`` are the files' SHA-256."""
    failures = max(1, sum(counted.causes.values()))
    return {
        "protocol": PROTOCOL,
        "is_synthetic": True,
        "versions": {"cardrisk": __version__, "numpy": np.__version__, "pyarrow": pa.__version__},
        "seed": seed,
        "scale": scale,
        "days": days,
        "start": start,
        "screening": screening,
        "scenario": scenario.to_dict(),
        "rows": dict(counted.rows),
        "channels": {name: _channel(counted, name, scenario) for name in CHANNEL_NAMES},
        "cause_shares": {name: round(n / failures, 4) for name, n in sorted(counted.causes.items())},
        "incidents": dict(sorted(counted.incidents.items())),
        "sha256": digests,
    }


def _channel(counted: Tally, name: str, scenario: Scenario) -> dict[str, Any]:
    usual, stopped = counted.usual[name], counted.stopped[name]
    rate = counted.failed[name] / max(1, usual)
    low, high = scenario.failure_bands[name]
    return {
        "cards_outside_incidents": usual,
        "failure_rate": round(rate, 4),
        "failure_band": [low, high],
        "inside_band": low <= rate <= high,
        "stopped_by_screening": stopped,
        "stopped_share": round(stopped / max(1, usual + stopped), 4),
        "review_band": list(facts.CHANNELS[name].review_band),
        "claim": facts.CHANNELS[name].claim,
    }
