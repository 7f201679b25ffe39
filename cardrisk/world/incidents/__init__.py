"""Named incidents: composable pieces with a size, a date and a place, one small file each."""

from typing import Final

from cardrisk.world.incidents._base import Incident, Regime
from cardrisk.world.incidents.dealer_tampering import DealerTampering
from cardrisk.world.incidents.diversion import Diversion
from cardrisk.world.incidents.double_sell import DoubleSell
from cardrisk.world.incidents.expired_bulk import ExpiredBulk
from cardrisk.world.incidents.forged_batch import ForgedBatch
from cardrisk.world.incidents.issuer_outage import IssuerOutage
from cardrisk.world.incidents.rule_change import RuleChange
from cardrisk.world.incidents.velocity_trip import VelocityTrip

SORTS: Final[dict[str, type[Incident]]] = {
    sort.NAME: sort
    for sort in (
        ForgedBatch,
        ExpiredBulk,
        Diversion,
        RuleChange,
        IssuerOutage,
        VelocityTrip,
        DealerTampering,
        DoubleSell,
    )
}
"""Every sort of incident by name."""

__all__ = [
    "SORTS",
    "DealerTampering",
    "Diversion",
    "DoubleSell",
    "ExpiredBulk",
    "ForgedBatch",
    "Incident",
    "IssuerOutage",
    "Regime",
    "RuleChange",
    "VelocityTrip",
]
