"""The synthetic world: cards that fail for the document's reasons, at its rates, with answers that come late.

Correct when the same seed and scenario give the same rows whatever days, workers or chunks they are made in, and
``truth.p_fail`` is the share of cards like this one that fail.
"""

from cardrisk.world.frames import World, generate
from cardrisk.world.incidents import (
    DealerTampering,
    Diversion,
    DoubleSell,
    ExpiredBulk,
    ForgedBatch,
    IssuerOutage,
    RuleChange,
    VelocityTrip,
)
from cardrisk.world.scenario import DEFAULT_CALENDAR, Scenario
from cardrisk.world.stream import write

__all__ = [
    "DEFAULT_CALENDAR",
    "DealerTampering",
    "Diversion",
    "DoubleSell",
    "ExpiredBulk",
    "ForgedBatch",
    "IssuerOutage",
    "RuleChange",
    "Scenario",
    "VelocityTrip",
    "World",
    "generate",
    "write",
]
