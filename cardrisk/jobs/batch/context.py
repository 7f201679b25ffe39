"""What every task of a job needs: where its files are, what was asked for, and the boundary with its key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from cardrisk.codes import Intake, KeyRing
from cardrisk.features import FeatureSet
from cardrisk.features.arrays import I64
from cardrisk.features.parts import Part, PartPlan, part_plan
from cardrisk.features.parts.plan import MISMATCH
from cardrisk.jobs.batch.box import Box, Boxes
from cardrisk.jobs.batch.source import Unit
from cardrisk.risk import RiskModel, load_model

MODEL: Final = "model"
STEP_FACTS: Final = frozenset({"code_number_progression", "code_secret_progression"})
"""Facts at the intake boundary that need all cards handed in together."""

REMEMBERED: Final = 1 << 10
"""Of so many files a process remembers what all their places have in common, some 20 kB each."""

BANDS: Final = 8
"""Groups go through most of their way in so many bands: what one band is done with goes before the next is."""

_JUDGED_BY: Final = frozenset(
    {"submission_id", "submitted_at", "received_at", "card_kind", "face_value", "asking_price"}
)
_ROW, _SUB, _UNIT = 28, 12, 20
"""Bits of a row's place: row inside its chunk, chunk inside its unit, unit; above them 1 where the row asks."""


_HELD: Final[dict[str, RiskModel]] = {}
"""Models that need not be read again, by their content."""


@contextmanager
def held(model: RiskModel) -> Iterator[None]:
    """Hold a model, ready to be worked with, for this process and for workers that are forked from it meanwhile."""
    part_plan(model.features)
    _HELD[model.version] = model
    try:
        yield
    finally:
        _HELD.pop(model.version, None)


@dataclass(frozen=True)
class Limits:
    """How much is held in memory at a time.

    Attributes
    ----------
    piece
        Rows of a chunk.
    part
        Events of one part at most; entities with more are walked through from disk, in the order of time.
    small
        Rows of input and history together up to which one process works on them in memory; 0: never.
    """

    piece: int = 1 << 16
    part: int = 300_000
    small: int = 50_000


@dataclass(frozen=True)
class Settings:
    """What was asked for; equal settings over equal files make equal files.

    Attributes
    ----------
    units
        What is read, in order: history, then the table scored, then outcomes.
    groups
        Into how many groups ids and entities are cut.
    rounded
        Code columns that a spreadsheet rounded; None: not known yet.
    """

    units: tuple[Unit, ...]
    limits: Limits
    groups: int
    tz: str | None
    reasons: str
    language: str
    version: str
    rounded: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Settings:
        """Read what :meth:`document` gave."""
        units = tuple(Unit(**unit) for unit in document["units"])
        more = {"units": units, "limits": Limits(**document["limits"]), "rounded": tuple(document["rounded"])}
        return cls(**{**document, **more})


@dataclass
class Context:
    """One process's view of a job.

    Parameters
    ----------
    folder
        The job's folder.
    settings
        What was asked for.
    key
        Token key of the job, None without one.
    shared
        Without a key: the random one of this run.
    """

    folder: Path
    settings: Settings
    key: KeyRing | None = field(repr=False)
    shared: KeyRing | None = field(repr=False)
    _boxes: dict[Path, Box] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def intake(self) -> Intake:
        """The boundary."""
        return Intake(self.key, shared=self.shared)

    @cached_property
    def model(self) -> RiskModel:
        """The model: what is held of that content, else the job's own copy."""
        return _HELD.get(self.settings.version) or load_model(self.folder / MODEL)

    @property
    def features(self) -> FeatureSet:
        """What the model needs."""
        return self.model.features

    @cached_property
    def plan(self) -> PartPlan:
        """The features, cut by key."""
        return part_plan(self.features)

    @cached_property
    def lenders(self) -> list[int]:
        """For each part, the first one of the same entities that reads all that it reads: events are dealt to that."""
        parts = self.plan.parts
        return [next(i for i, other in enumerate(parts) if covers(other, part)) for part in parts]

    @cached_property
    def steps(self) -> bool:
        """Whether any feature reads facts that need all cards handed in together at the boundary."""
        return any((feature.of or feature.name) in STEP_FACTS for feature in self.plan.handed)

    @cached_property
    def read_again(self) -> frozenset[str]:
        """Columns of a card that its features or its decision are told from when everything else is known."""
        numbers = {slot.channel.name for slot in self.plan.slots if slot.key is None} - self.plan.derived - {"moment"}
        found = {name.split(" ", 1)[1] for name in numbers} | {
            feature.of or feature.name for feature in self.plan.handed
        }
        return frozenset(
            found | _JUDGED_BY | ({"region_issued", "region_of_use"} if MISMATCH in self.plan.derived else set())
        )

    @property
    def bands(self) -> list[int]:
        """The first group of each band, and the number of groups after the last."""
        groups = self.settings.groups
        many = min(BANDS, groups)
        return [-(-band * groups // many) for band in range(many + 1)]

    def path(self, stage: str, name: object) -> Path:
        """Where a task's file stands."""
        return self.folder / stage / f"{name}.box"

    def files(self, stage: str, which: str = "*") -> list[Path]:
        """Every file of a finished stage, or those of some names, in the order of tasks."""
        return sorted((self.folder / stage).glob(f"{which}.box"), key=lambda path: _in_order(path.stem))

    def box(self, path: Path) -> Box:
        """A file of a finished stage; what was looked into last is remembered."""
        found = self._boxes.pop(path, None) or Box(path)
        self._boxes[path] = found
        if len(self._boxes) > REMEMBERED:
            del self._boxes[next(iter(self._boxes))]
        return found

    def boxes(self, stage: str, which: str = "*") -> Boxes:
        """All files of a finished stage, or those of some names."""
        return Boxes(map(self.box, self.files(stage, which)))

    def note(self, stage: str, name: object) -> Any:
        """What a finished task noted."""
        return Box(self.path(stage, name)).note

    @cached_property
    def settled(self) -> dict[str, I64]:
        """Places of rows that are no cards of their table (``dropped``) and of those that only ask (``silent``)."""
        found = {name: np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in ("dropped", "silent")}
        return {name: np.asarray(array) for name, array in found.items()}


def covers(part: Part, other: Part) -> bool:
    """Whether a part has the entities of another one, with whatever silence, and reads all that it reads."""
    return (
        part.key.columns == other.key.columns
        and set(part.events) >= set(other.events)
        and set(part.told) >= set(other.told)
        and reads_answers(part) >= reads_answers(other)
    )


def reads_answers(part: Part) -> bool:
    """Whether a part reads answers."""
    return any(stream.source in ("answer", "top") for stream in part.plan.streams)


def _in_order(stem: str) -> tuple[object, ...]:
    return tuple(int(part) if part.lstrip("-").isdigit() else part for part in stem.split("_"))


def place_of(unit: int, sub: int, *, asks: bool) -> int:
    """Return the place of a chunk's first row among all rows, history first."""
    return (int(asks) << (_ROW + _SUB + _UNIT)) | (unit << (_ROW + _SUB)) | (sub << _ROW)


def chunk_of(seq: I64) -> I64:
    """Return the chunk of each row."""
    return np.asarray(seq, np.int64) >> _ROW


def row_of(seq: I64) -> I64:
    """Return each row's position in its chunk."""
    return np.asarray(seq, np.int64) & ((1 << _ROW) - 1)


def asking(seq: I64) -> I64:
    """Return 1 for rows of the table scored, 0 for history."""
    return np.asarray(seq, np.int64) >> (_ROW + _SUB + _UNIT)


def unit_of(chunk: int) -> tuple[int, int]:
    """Return a chunk's unit, and its number inside the unit."""
    return (chunk >> _SUB) & ((1 << _UNIT) - 1), chunk & ((1 << _SUB) - 1)
