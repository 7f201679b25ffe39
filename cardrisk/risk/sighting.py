"""Sighting shots: trees grown on the earlier cards tell, on the later ones, what map the kept trees need.

Correctness: no card of the calibrating part is among those that its trees learnt from, and every one came later; the
map is fitted on labels as of the moment of training. The kept trees learn from all cards, the newest campaigns
included: leaving out the last fifth costs .011 of the ceiling's average precision on a world of 287,000 cards, and
growing only the last quarter of the trees on everything wins back a third of that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.facts import CAUSES
from cardrisk.kinds import KINDS
from cardrisk.risk import boost, calibrate, causes, delays, metrics, repair
from cardrisk.risk.boost import Settings
from cardrisk.risk.calibrate import Calibration
from cardrisk.risk.encode import Columns, Matrix
from cardrisk.risk.material import Places, TrainingData
from cardrisk.risk.model import group_name, groups_of
from cardrisk.risk.splits import time_split
from cardrisk.risk.tables import Tables
from cardrisk.risk.trees import parse

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

CALIBRATION_SHARE: Final = 0.2
"""Share of the cards, the latest, that calibrate."""

MIN_FAILURES: Final = 30
"""Fewest failures a calibration part needs; below, nothing is held out and the map stays the identity."""

GROUPS: Final = ("channel", "card_kind")
"""Features whose values together name a calibration group; kinds of one family share their map."""

MANY: Final = 15_000
"""Cards from which on the sighting trees are quick ones (`boost.quicker`). How sure those are says nothing of the kept
ones, so only what sets the groups apart is taken from them: from so many cards on the kept trees' own log-odds are
right as they stand, and so are their shares of causes. Slopes on later cards are 1.00 and 0.99 at 287,000 cards (ECE
.008), 1.03, 1.02 and 1.01 at 24,000, where a map read off trees as slow as the kept ones has a log loss of .2258 and
this one .2204, mean of four worlds: the level of the last fifth is in the kept trees already. At 6,000 cards the
slopes are 1.13 to 1.14, at 2,400 they are 1.7, and the map is worth its time."""

NEWEST: Final = 40_000
"""Cards that quick sighting trees learn from at most, the newest before those that calibrate. On a world of 114,000
cards the newest half and the newest third told the groups apart as well as all of them did (mean bias of a channel x
family .0069 and .0076 against .0104), in half the time."""

ALIKE: Final = 10.0
"""Cards that share one fate, about as many as a reseller's batch holds: offsets of groups must outlast chance lots."""


@dataclass(frozen=True)
class Grower:
    """What is needed to grow trees on any part of the labelled cards.

    Attributes
    ----------
    matrix, data, columns, places, settings
        The encoded features, the labelled cards they belong to, and how to grow.
    soft
        Shares of real causes per card, float64 (cards, causes); zero for successes and where none can be told.
    """

    matrix: Matrix
    data: TrainingData
    columns: Columns
    places: Places
    settings: Settings
    soft: Floats = field(init=False)

    def __post_init__(self) -> None:
        bad = np.flatnonzero(self.data.labels.failed == 1.0)
        soft = np.zeros((len(self.data.target), len(CAUSES)))
        part = self.data.labels.take(bad), self.data.groups.iloc[bad]
        soft[bad] = repair.soft_causes(self.matrix[bad], *part, self.settings)
        object.__setattr__(self, "soft", soft)

    def fail(self, rows: Mask | slice = slice(None), settings: Settings | None = None) -> boost.Grown:
        """Trees of p(fail) from some of the cards; all unless said."""
        return boost.grow_fail(
            self.matrix[rows], self.data.target[rows], self.data.weight[rows], settings=settings or self.settings,
            categorical=self.columns.categorical, fine=self.places.fine, monotone=self.places.monotone,
        )  # fmt: skip

    def causes(self, part: Mask | None = None) -> tuple[boost.Grown | None, causes.CauseShares]:
        """Trees of p(cause | fail) from some of the cards, None where causes cannot be told apart; and the shares."""
        inside = np.arange(len(self.soft)) if part is None else np.flatnonzero(part)
        card, cause, weight = repair.rows_of(self.soft[inside])
        shares = causes.CauseShares.of(np.bincount(cause, weight, len(CAUSES)).astype(np.float64))
        if not shares.classes:
            return None, shares
        place = shares.class_of(cause)
        kept = place >= 0
        rows = inside[card[kept]]
        grown = boost.grow_cause(
            self.matrix[rows], place[kept], weight[kept], settings=self.settings, categorical=self.columns.categorical
        )
        return grown, shares


@dataclass(frozen=True)
class Sight:
    """What the later cards told: the map, how sure to be of causes, and figures of the sighting trees."""

    calibration: Calibration = field(default_factory=Calibration)
    temperature: float = 1.0
    metrics: Mapping[str, float] = field(default_factory=dict)


def parts(data: TrainingData, tables: Tables) -> tuple[Mask, Mask]:
    """Masks of the cards sighting trees learn from, and of the later ones that calibrate (none in small tables)."""
    early, late = time_split(data.moments, (1 - CALIBRATION_SHARE, CALIBRATION_SHARE))
    wait = delays.answer_gap(data.moments, data.labels.answered, cap=(late.end - late.start) // 4)
    fit = (data.moments < early.end) & (data.labels.answered < late.start)
    held = (data.moments >= late.start) & (data.moments < max(tables.end, late.end) - wait)
    both = [0 < data.labels.failed[part].sum() < part.sum() for part in (fit, held)]
    if not all(both) or data.labels.failed[held].sum() < MIN_FAILURES:
        return np.ones(len(fit), bool), np.zeros(len(fit), bool)
    return fit, held


def sight(grower: Grower, fit: Mask, held: Mask) -> Sight:
    """Grow trees on ``fit`` and read the map off ``held``; the identity where nothing is held out."""
    if not held.any():
        return Sight()
    data, rows = grower.data, np.flatnonzero(held)
    matrix = grower.matrix[rows]
    quick = grower.settings
    if len(fit) >= MANY:
        fit = _newest(fit, data.moments)
        quick = boost.quicker(quick, int(data.target[fit].sum()))
    raw = parse(grower.fail(fit, quick).text).raw(matrix, threads=max(1, grower.settings.threads))
    fitted = _by_family(raw, data, rows, grower.columns)
    figures = _figures(raw, data.labels.failed[rows], quick is not grower.settings)
    if quick is not grower.settings:
        return Sight(Calibration(groups=fitted.groups), metrics=figures)
    return Sight(fitted, _temperature(grower, fit, rows, matrix), figures)


def _newest(fit: Mask, moments: npt.NDArray[np.int64]) -> Mask:
    """The ``NEWEST`` of the cards that may be learnt from; of cards of one moment all or none."""
    known = np.sort(moments[fit])
    return fit if len(known) <= NEWEST else fit & (moments > known[-NEWEST - 1])


def _by_family(raw: Floats, data: TrainingData, rows: Rows, columns: Columns) -> Calibration:
    """The map per channel x family, written down for every channel x kind."""
    groups = tuple(name for name in GROUPS if name in columns.categories)
    frame = data.frame.iloc[rows][list(groups)]
    coarse = frame.assign(card_kind=family(frame["card_kind"])) if "card_kind" in groups else frame
    place, names = groups_of(coarse, groups)
    group = np.array(names or [group_name([])], dtype=object)[place]
    fitted = calibrate.fit(raw, data.target[rows], group, data.weight[rows], alike=ALIKE)
    given = [columns.categories[name] + ((*KINDS,) if name == "card_kind" else ()) for name in groups]
    maps = {}
    for values in product(*((None, *sorted(set(known))) for known in given)):
        kinds = [_family(value) if name == "card_kind" else value for name, value in zip(groups, values, strict=True)]
        found = fitted.groups.get(group_name(kinds))
        if found is not None:
            maps[group_name(list(values))] = found
    return replace(fitted, groups=maps)


def family(kinds: "pd.Series[str]") -> "pd.Series[str]":
    """Family of each kind; a kind that is not listed is a family of its own, null stays null."""
    return kinds.astype(object).map(_family)


def _family(kind: str | None) -> str | None:
    known = KINDS.get(kind) if kind else None
    return str(known.family) if known else kind


def _temperature(grower: Grower, fit: Mask, rows: Rows, matrix: Matrix) -> float:
    grown, shares = grower.causes(fit)
    if grown is None:
        return 1.0
    card, cause, weight = repair.rows_of(grower.soft[rows])
    classes = shares.class_of(cause)
    kept = classes >= 0
    scores = parse(grown.text).raw(matrix[card[kept]], threads=max(1, grower.settings.threads))
    return causes.temperature(scores, classes[kept], weight[kept])


def _figures(raw: Floats, failed: Floats, quick: bool) -> dict[str, float]:
    """How the sighting trees rank later cards; where they are quick ones, the kept trees do better than this says."""
    ranking = metrics.Ranking.of(failed, raw)
    return {
        "quick_trees": float(quick),
        "calibration_cards": float(len(failed)),
        "base_rate": float(failed.mean()),
        "average_precision": metrics.average_precision(ranking),
        "auc": metrics.auc(ranking),
        "recall_at_review_15": metrics.recall_at_review(ranking, 0.15),
    }
