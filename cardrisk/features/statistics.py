"""What each statistic needs: whole numbers out of windows, and the operation that finishes them.

A *channel* is one whole number carried by every event; a *slot* is the sum of a channel over one key and
window (or a fact of the card asked about). A *recipe* says which slots a feature reads and how it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cardrisk.errors import InputError
from cardrisk.features import finish
from cardrisk.features.arrays import DAY, HOUR
from cardrisk.features.declare import WINDOWS, Feature, Key

CENTS: Final = 100
MICRO: Final = 1_000_000
STRENGTH: Final = 10.0
"""Answers at which an entity's own failure share weighs as much as the prior."""

EVERYBODY: Final = Key("all", ())
KIND: Final = Key("kind", ("card_kind",))
CARD: Final = Key("card", ("card_token",))
BEIJING: Final = 8 * HOUR
"""Offset of the cards' market from UTC; it keeps no summer time."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One whole number per event.

    Attributes
    ----------
    source
        ``card`` or ``answer`` (summed), ``gap``, ``distinct``, ``top``, ``first``, ``last``, or ``row``
        (a fact of the card asked about, no history).
    name
        Which number, in the language of :mod:`cardrisk.features.weights`.
    """

    source: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """A channel summed over one key and window; a fact of the asked card has neither."""

    channel: Channel
    key: Key | None = None
    window: str | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a feature's value comes about: ``operation(slots, constant)``."""

    operation: int
    slots: tuple[Slot, ...]
    constant: float = 1.0


def row(name: str) -> Slot:
    """Return the slot of a fact of the asked card."""
    return Slot(Channel("row", name))


def _slot(feature: Feature, source: str, name: str = "") -> Slot:
    return Slot(Channel(source, name), feature.key, feature.window)


def _count(f: Feature) -> Recipe:
    return Recipe(finish.COUNT, (_slot(f, "card", "one"),))


def _sum(f: Feature) -> Recipe:
    return Recipe(finish.SCALED, (_slot(f, "card", f"cents {f.of}"),), CENTS)


def _average(number: str, scale: int) -> Callable[[Feature], Recipe]:
    def recipe(f: Feature) -> Recipe:
        name = f"{number} {f.of}"
        return Recipe(finish.MEAN, (_slot(f, "card", name), _slot(f, "card", f"has {name}")), scale)

    return recipe


def _distinct(f: Feature) -> Recipe:
    return Recipe(finish.COUNT, (_slot(f, "distinct", f.of or ""),))


def _known(f: Feature) -> Recipe:
    return Recipe(finish.COUNT, (_slot(f, "answer", "known"),))


def _failed(f: Feature) -> Recipe:
    return Recipe(finish.COUNT, (_slot(f, "answer", "failed"),))


def _cause(f: Feature) -> Recipe:
    return Recipe(finish.COUNT, (_slot(f, "answer", f"cause {f.of}"),))


def _cause_share(f: Feature) -> Recipe:
    return Recipe(finish.SHARE, (_slot(f, "answer", f"cause {f.of}"), _slot(f, "answer", "known")))


FAILED: Final = Channel("answer", "failed")
KNOWN: Final = Channel("answer", "known")
PRIORS: Final = tuple(Slot(channel, key, "30d") for key in (KIND, EVERYBODY) for channel in (FAILED, KNOWN))


def _failure_share(f: Feature) -> Recipe:
    own = (Slot(FAILED, f.key, f.window), Slot(KNOWN, f.key, f.window))
    return Recipe(finish.SHRUNK, (*own, *PRIORS), STRENGTH)


def _ring_share(f: Feature) -> Recipe:
    return Recipe(finish.SHRUNK, (row("ring failed"), row("ring known"), *PRIORS), STRENGTH)


def _top_share(f: Feature) -> Recipe:
    of = f.of or ""
    return Recipe(finish.SHARE, (_slot(f, "top", of), _slot(f, "answer", f"failed with {of}")))


def _unanswered(f: Feature) -> Recipe:
    return Recipe(finish.DIFFERENCE, (_slot(f, "card", "one"), _slot(f, "answer", "known")))


def _since_last(f: Feature) -> Recipe:
    return Recipe(finish.SCALED, (Slot(Channel("last"), f.key),), HOUR)


def _since_first(f: Feature) -> Recipe:
    return Recipe(finish.SCALED, (Slot(Channel("first"), f.key),), DAY)


def _regularity(f: Feature) -> Recipe:
    return Recipe(finish.SPREAD, tuple(_slot(f, "gap", part) for part in ("count", "sum", "squares")))


def _price_level(f: Feature) -> Recipe:
    return Recipe(finish.QUOTIENT, (_slot(f, "card", "price asking"), _slot(f, "card", "price face")))


def _price_vs_usual(f: Feature) -> Recipe:
    usual = (_slot(f, "card", "price asking"), _slot(f, "card", "price face"))
    return Recipe(finish.RATIO, (row("cents asking_price"), row("cents face_value"), *usual))


def _pace(f: Feature) -> Recipe:
    long = WINDOWS["30d"] / WINDOWS[f.window or "1h"]
    one = Channel("card", "one")
    return Recipe(finish.PACE, (Slot(one, f.key, f.window), Slot(one, f.key, "30d")), long)


def _surprise(f: Feature) -> Recipe:
    name = f"micro {f.of}"
    return Recipe(finish.SURPRISE, (_slot(f, "card", name), _slot(f, "card", f"has {name}")), MICRO)


def _fact(operation: int, constant: float, *templates: str) -> Callable[[Feature], Recipe]:
    def recipe(f: Feature) -> Recipe:
        return Recipe(operation, tuple(row(part.format(of=f.of)) for part in templates), constant)

    return recipe


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic: its unit, when it is null, and its recipe (None: a column handed through).

    ``lifelong`` says whether its window may be ``life``: what must remember single values may not, as events are kept
    for 90 days only.
    """

    unit: str
    null: str
    recipe: Callable[[Feature], Recipe] | None
    windowed: bool = True
    dtype: str = "float32"
    lifelong: bool = True


NOBODY: Final = "the card does not name this entity"

STATISTICS: Final[dict[str, Statistic]] = {
    "count": Statistic("cards", NOBODY, _count),
    "sum": Statistic("yuan", NOBODY, _sum, dtype="float64"),
    "mean": Statistic("yuan", f"{NOBODY}, or no amount in the window", _average("cents", CENTS), dtype="float64"),
    "number_mean": Statistic("as the column", f"{NOBODY}, or no number in the window", _average("micro", MICRO)),
    "distinct": Statistic("values", NOBODY, _distinct, lifelong=False),
    "known": Statistic("answers", NOBODY, _known),
    "failed": Statistic("answers", NOBODY, _failed),
    "cause": Statistic("answers", NOBODY, _cause),
    "cause_share": Statistic("share", f"{NOBODY}, or no answer known in the window", _cause_share),
    "failure_share": Statistic("share", f"{NOBODY}, or nobody was answered in 30 days", _failure_share),
    "top_share": Statistic(
        "share", f"{NOBODY}, or no failure with a message in the window", _top_share, lifelong=False
    ),
    "unanswered": Statistic("cards", NOBODY, _unanswered),
    "since_last": Statistic("hours", f"{NOBODY}, or never seen before", _since_last, windowed=False),
    "since_first": Statistic("days", f"{NOBODY}, or never seen before", _since_first, windowed=False),
    "regularity": Statistic("ratio", f"{NOBODY}, or fewer than two gaps in the window", _regularity),
    "flag_share": Statistic("share", f"{NOBODY}, or the flag is unknown throughout", _average("flag", 1)),
    "price_level": Statistic("ratio", f"{NOBODY}, or no priced card in the window", _price_level),
    "price_vs_usual": Statistic("ratio", f"{NOBODY}, or a price is unknown", _price_vs_usual),
    "pace": Statistic("ratio", f"{NOBODY}, or not seen in 30 days", _pace),
    "surprise": Statistic("-log10 of a chance", f"{NOBODY}, or nothing to test", _surprise),
    "column": Statistic("as given", "not known", None, windowed=False),
    "category": Statistic("category", "not known", None, windowed=False, dtype="str"),
    "money": Statistic("yuan", "not known", _fact(finish.SCALED, CENTS, "cents {of}"), False, "float64"),
    "price_ratio": Statistic(
        "ratio",
        "either amount is unknown or face value is zero",
        _fact(finish.QUOTIENT, 1.0, "cents asking_price", "cents face_value"),
        windowed=False,
    ),
    "days_until": Statistic("days", "the date is unknown", _fact(finish.DIFFERENCE, DAY, "time {of}", "moment"), False),
    "days_since": Statistic("days", "the date is unknown", _fact(finish.DIFFERENCE, DAY, "moment", "time {of}"), False),
    "hour": Statistic("hour", "never", _fact(finish.CLOCK, BEIJING, "moment"), windowed=False),
    "weekday": Statistic("day", "never", _fact(finish.WEEKDAY, BEIJING, "moment"), windowed=False),
    "together": Statistic("cards or values", "not known", _fact(finish.COUNT, 1.0, "request {of}"), windowed=False),
    "together_repeated": Statistic(
        "cards",
        "no card handed in together has one",
        _fact(finish.MINUS, 1.0, "request known {of}", "request distinct {of}"),
        windowed=False,
    ),
    "together_surprise": Statistic(
        "-log10 of a chance",
        "nothing to test",
        _fact(finish.SURPRISE, MICRO, "request sum micro {of}", "request has micro {of}"),
        windowed=False,
    ),
    "ring": Statistic("cards", "no linking value is known", _fact(finish.COUNT, 1.0, "ring {of}"), False),
    "ring_failure_share": Statistic(
        "share", "no linking value is known, or nobody was answered in 30 days", _ring_share, windowed=False
    ),
    "flag": Statistic("0 or 1", "not known", _fact(finish.COUNT, 1.0, "flag {of}"), windowed=False),
}


def feature(
    statistic: str,
    key: Key | None = None,
    window: str | None = None,
    *,
    of: str | None = None,
    name: str | None = None,
    why: str = "",
    claim: str = "choice",
) -> Feature:
    """Declare one feature; what is not said follows from the statistic.

    Parameters
    ----------
    statistic
        A name in :data:`STATISTICS`.
    key
        Whose history; None for a fact of the card itself.
    window
        A name in :data:`~cardrisk.features.declare.WINDOWS`, where the statistic has a window.
    of
        The column or cause that the statistic looks at, where it needs one.
    name
        Column name; the parts joined by ``_`` unless given.
    why, claim
        See :class:`~cardrisk.features.declare.Feature`.

    Raises
    ------
    InputError
        If the statistic or the window does not exist, a key or window is missing, or the window is ``life`` for a
        statistic that must remember single values.
    """
    kind = STATISTICS.get(statistic)
    if kind is None:
        raise InputError(f"expected one of the statistics {sorted(STATISTICS)}, got {statistic!r}")
    if kind.windowed and (key is None or window not in WINDOWS):
        raise InputError(
            f"expected a key and one of the windows {list(WINDOWS)} for {statistic!r}, got {key!r}, {window!r}"
        )
    if window == "life" and not kind.lifelong:
        raise InputError(
            f"expected a window of at most 30 days for {statistic!r}, got 'life'; it remembers single values, and over "
            "a lifetime only counts, sums and when somebody was first seen are kept: take '30d', or another statistic"
        )
    as_given = statistic in ("column", "category", "money", "flag")
    parts = (key and key.name, None if as_given else statistic, of, window)
    made = "_".join(part for part in parts if part)
    return Feature(name or made, statistic, key, window, of, kind.unit, kind.null, why, claim, kind.dtype)


def recipe_of(feature: Feature) -> Recipe | None:
    """Return what ``feature`` is made of; None for a column handed through."""
    recipe = STATISTICS[feature.statistic].recipe
    return recipe and recipe(feature)
