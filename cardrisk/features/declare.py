"""A feature is one small declaration; its name, unit and the meaning of null follow from it.

Every road (batch, live, jobs) computes exactly what a declaration says, from what was known strictly before
the moment asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cardrisk.errors import FeatureMismatchError, InputError
from cardrisk.features.arrays import DAY, HORIZON, HOUR, NEVER

PROTOCOL: Final = 1
"""Version of what the statistics mean; part of every digest."""

WINDOWS: Final[dict[str, int]] = {
    "1h": HOUR,
    "1d": DAY,
    "7d": 7 * DAY,
    "30d": 30 * DAY,
    "life": NEVER,
}
"""Windows by name, in microseconds; ``life`` reaches back to the entity's first event."""


@dataclass(frozen=True, slots=True)
class Key:
    """What history is kept about: everybody with equal values in ``columns``.

    Attributes
    ----------
    name
        Short name; begins the names of its features.
    columns
        Columns whose values together name the entity; none: everybody is one entity. Where any of them is
        unknown the card belongs to no entity, and the key's features are null.
    silence
        After so many microseconds without a card the entity is forgotten and begins a new life. At least the
        longest window for entities (this bounds memory); a short silence makes bursts out of them.
    lenient
        Columns that may be unknown: "not known" then counts as a value of theirs.
    """

    name: str
    columns: tuple[str, ...]
    silence: int = HORIZON
    lenient: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the model.

    Attributes
    ----------
    name
        Column name; made from the other parts unless given.
    statistic
        What is computed: a name in :data:`cardrisk.features.statistics.STATISTICS`.
    key
        Whose history; None for facts of the card itself.
    window
        A name in :data:`WINDOWS`; None where the statistic has no window.
    of
        The column, cause or pair the statistic looks at, where it needs one.
    unit
        Unit of the value.
    null
        When it is null.
    why
        Why it should matter.
    claim
        The document's claim it answers (``C1`` to ``C25``), ``pub`` or ``choice``.
    dtype
        ``float32``; ``float64`` for money; ``str`` for categories.
    """

    name: str
    statistic: str
    key: Key | None
    window: str | None
    of: str | None
    unit: str
    null: str
    why: str
    claim: str
    dtype: str = "float32"

    def describe(self) -> dict[str, object]:
        """Return the declaration as plain values: what digests and tables are made of."""
        return {
            "name": self.name,
            "statistic": self.statistic,
            "key": self.key and [self.key.name, list(self.key.columns), self.key.silence, list(self.key.lenient)],
            "window": self.window,
            "of": self.of,
            "unit": self.unit,
            "null": self.null,
            "why": self.why,
            "claim": self.claim,
            "dtype": self.dtype,
        }


@dataclass(frozen=True)
class FeatureSet:
    """An ordered list of declarations with distinct names.

    Raises
    ------
    InputError
        If two declarations share a name.
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for feature in self.features:
            if feature.name in seen:
                raise InputError(f"expected distinct feature names, got {feature.name!r} twice; rename one of the two")
            seen.add(feature.name)

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    def __add__(self, more: Iterable[Feature]) -> FeatureSet:
        return FeatureSet((*self.features, *more))

    def __getitem__(self, name: str) -> Feature:
        return self.select([name]).features[0]

    @property
    def names(self) -> list[str]:
        """Column names in declared order."""
        return [feature.name for feature in self.features]

    @property
    def numeric(self) -> list[str]:
        """Names of the number columns."""
        return [feature.name for feature in self.features if feature.dtype != "str"]

    @property
    def categorical(self) -> list[str]:
        """Names of the category columns."""
        return [feature.name for feature in self.features if feature.dtype == "str"]

    @property
    def digest(self) -> str:
        """SHA-256 of what is computed (not of the prose): equal digests mean equal columns."""
        told = ("name", "statistic", "key", "window", "of", "unit", "dtype")
        rows = [{part: feature.describe()[part] for part in told} for feature in self.features]
        return hashlib.sha256(json.dumps([PROTOCOL, rows], sort_keys=True).encode()).hexdigest()

    def select(self, names: Iterable[str]) -> FeatureSet:
        """Return the named features, in the order of ``names``.

        Raises
        ------
        FeatureMismatchError
            If a name is not declared here.
        """
        known = {feature.name: feature for feature in self.features}
        wanted = list(names)
        missing = [name for name in wanted if name not in known]
        if missing:
            raise FeatureMismatchError(
                f"expected names of declared features, got {missing[:5]}; `.names` lists what is declared"
            )
        return FeatureSet(tuple(known[name] for name in wanted))
