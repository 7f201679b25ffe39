"""What an incident is: something with a name, a size, a date and a place that stands out of the usual stream.

Correct when an incident's cards depend on the ground, the incident and its occurrence alone, so that adding one
changes no card outside it (but for what it does to an issuer's rules, which is its purpose).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

import numpy as np

from cardrisk.errors import ScenarioError
from cardrisk.kinds import CardKind
from cardrisk.world import batches, people, stock
from cardrisk.world.batches import Batches
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array, bits, integer
from cardrisk.world.rates import CHANNEL_NAMES, INTRINSIC
from cardrisk.world.wanted import is_number, is_whole

LEAST: Final = 5
"""Cards of an incident at least, at any scale: fewer would not be one."""


@dataclass(frozen=True)
class Regime:
    """An issuer's rule in force for a while.

    Attributes
    ----------
    kind
        Card kind it is about.
    cause
        Cause that it makes cards fail for.
    extra
        Chance of failing for it that comes on top.
    hours
        First and last+1 hour of the day, UTC.
    incident
        Index of the incident in the scenario.
    """

    kind: str
    cause: str
    extra: float
    hours: tuple[float, float]
    incident: int


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One incident; subclasses say what happens.

    Attributes
    ----------
    day
        First day, counted from the world's start.
    days
        How many days it lasts.
    every
        Days until it comes again; ``None`` for once.
    """

    NAME: ClassVar[str]

    day: int
    days: int = 1
    every: int | None = None

    def check(self, length: int, channels: Mapping[str, Any], kinds: Mapping[str, CardKind]) -> None:
        """Refuse what contradicts the calendar, the channels or the kinds.

        Raises
        ------
        ScenarioError
            With what contradicts what.
        """
        self._check_types()
        if not 0 <= self.day < length:
            raise ScenarioError(f"{self.NAME}: day: expected 0 to {length - 1} (the calendar), got {self.day!r}")
        if self.days < 1:
            raise ScenarioError(f"{self.NAME}: days: expected 1 or more, got {self.days}")
        if self.day + self.days > length:
            raise ScenarioError(
                f"{self.NAME}: days: {self.days} from day {self.day} on last past the calendar of {length}; "
                "shorten it or give a longer length"
            )
        if self.every is not None and self.every < self.days:
            raise ScenarioError(
                f"{self.NAME}: every: comes again after {self.every} days but lasts {self.days}; raise every"
            )
        values = vars(self)
        if "channel" in values and values["channel"] not in channels:
            raise ScenarioError(
                f"{self.NAME}: channel: expected one of {', '.join(channels)}; got {values['channel']!r}"
            )
        if "kind" in values and values["kind"] not in kinds:
            raise ScenarioError(
                f"{self.NAME}: kind: no card kind {values['kind']!r}; known: {', '.join(sorted(kinds))}"
            )
        for share in ("share", "extra", "chance"):
            if share in values and not 0.0 <= values[share] <= 1.0:
                raise ScenarioError(f"{self.NAME}: {share}: expected 0 to 1, got {values[share]}")
        if "size" in values and values["size"] < 1:
            raise ScenarioError(f"{self.NAME}: size: expected 1 card or more, got {values['size']}")

    def _check_types(self) -> None:
        """Refuse what is no number where one belongs, before anything compares or computes with it."""
        for item in fields(self):
            value, sort = getattr(self, item.name), item.type
            if sort is int and not is_whole(value):
                raise ScenarioError(f"{self.NAME}: {item.name}: expected a whole number, got {value!r}")
            if sort is float and not is_number(value):
                raise ScenarioError(f"{self.NAME}: {item.name}: expected a number, got {value!r}")
            if sort is str and not isinstance(value, str):
                raise ScenarioError(f"{self.NAME}: {item.name}: expected a text, got {value!r}")
        if self.every is not None and not is_whole(self.every):
            raise ScenarioError(f"{self.NAME}: every: expected a whole number of days, got {self.every!r}")
        for name, least, most in (("hour", 0.0, 24.0), ("hours", 0.0, 24.0), ("credit", 350.0, 950.0)):
            value = getattr(self, name, least)
            if not least <= value <= most:
                raise ScenarioError(f"{self.NAME}: {name}: expected {least:g} to {most:g}, got {value}")

    def occurrence(self, day: int) -> tuple[int, int] | None:
        """Return which occurrence ``day`` falls into and the day inside it, or ``None``."""
        since = day - self.day
        if since < 0:
            return None
        count, inside = divmod(since, self.every) if self.every else (0, since)
        return (count, inside) if inside < self.days else None

    def plan(self, ground: Ground, day: int, key: tuple[int, int, int]) -> Batches:
        """Return the incident's own batches on ``day``; ``key`` is its index, occurrence and day inside it."""
        raise NotImplementedError(f"{self.NAME} brings no cards of its own")

    def regimes(self, day: int, index: int) -> Iterator[Regime]:
        """Yield the issuers' rules that this incident puts in force on ``day``."""
        yield from ()

    @property
    def floods(self) -> bool:
        """Whether the incident brings cards of its own."""
        return "size" in vars(self)

    @property
    def one_message(self) -> bool:
        """Whether the gateway answers all its forged cards with one message (C13)."""
        return False

    def cards_today(self, scale: float, inside: int) -> int:
        """Return how many cards of its own the incident brings on its ``inside``-th day."""
        total = max(LEAST, round(getattr(self, "size", 0) * scale))
        return total // self.days + (inside < total % self.days)


@dataclass(frozen=True)
class Flood:
    """How an incident's own cards come in.

    Attributes
    ----------
    channel, kind
        Names of both.
    cause
        Cause of its bad lots, ``None`` for sound ones.
    share
        Share of bad cards in them.
    lots
        How many lots.
    accounts
        How many submitters; resellers unless ``opened``, people where ``retail``.
    opened, retail
        Whether the accounts were opened for it; whether people with a card or two bring them.
    """

    channel: str
    kind: str
    cause: str | None
    share: float
    lots: int
    accounts: int
    opened: bool = False
    retail: bool = False


def flood(ground: Ground, day: int, key: tuple[int, int, int], how: Flood, sizes: Array, since: int) -> Batches:
    """Return batches of ``sizes`` from an incident's lots through its accounts.

    Parameters
    ----------
    ground, day
        The world's ground and the day.
    key
        The incident's index, occurrence and day inside it.
    how
        Lots and accounts.
    sizes
        Cards of each batch.
    since
        Day the incident began: its lots and accounts stay the same until it is over.
    """
    index, occurrence, _ = key
    rng = ground.rng(batches.FLOOD + index, day)
    count, channel = len(sizes), CHANNEL_NAMES.index(how.channel)
    where, kind = np.full(count, channel), ground.kinds.names.index(how.kind)
    lot = bits(ground.seed, _LOT, index, occurrence, rng.integers(0, how.lots, count)).view(np.int64)
    kinds = np.full(count, kind)
    ring = bits(ground.seed, _RING, np.full(count, index), occurrence).view(np.int64)
    lots = stock.Lots(
        lot=lot,
        age=np.full(count, day - since),
        kind=kinds,
        region=stock.regions(ground, lot, kinds),
        share=np.full(count, how.share if how.cause else 0.0),
        ring=ring,
        since=np.full(count, since),
    )
    account = rng.integers(0, how.accounts, count)
    if how.opened:
        who = people.opened_for(ground, ring, account, lots.since)
    elif how.retail:
        who = people.people(ground, where, day, rng.random(count))
    else:
        draws = integer(2**30, ground.seed, _ACCOUNT, ring, account) / 2.0**30
        who = people.resellers(ground, where, day, draws)
    supplier = stock.ring_supplier(ground, where, ring)
    defect = INTRINSIC.index(how.cause) if how.cause else -1
    out = batches.fill(ground, day, where, batches.STOCK, defect, lots, who, supplier, rng, sizes)
    out.flood[:] = True
    out.incident[:] = index
    return out


_LOT, _RING, _ACCOUNT = range(1_000, 1_003)


def split(total: int, mean: float, rng: np.random.Generator) -> Array:
    """Return batch sizes that sum to ``total`` exactly, ``mean`` cards on average."""
    if mean >= total:
        return np.array([total])
    sizes = rng.geometric(1.0 / mean, max(1, int(total / mean * 2) + 20))
    edges = np.minimum(np.cumsum(sizes), total)
    sizes = np.diff(np.r_[0, edges])
    sizes = sizes[sizes > 0]
    missing = total - int(sizes.sum())
    return np.asarray(np.r_[sizes, missing] if missing else sizes)
