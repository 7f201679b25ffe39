"""What every task must know: settings that are small, the same for all, and hold no secret.

Correct when nothing in here, pickled, shows a token key or a code.
"""

import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import TYPE_CHECKING, Final, TypeAlias

import pandas as pd

from cardrisk.codes import RAW, Intake, KeySource, NoKeyWarning
from cardrisk.codes.keys import resolve
from cardrisk.errors import InputError, KeyMaterialError
from cardrisk.features.declare import FeatureSet
from cardrisk.policy import Costs
from cardrisk.risk import RiskModel

if TYPE_CHECKING:
    from cardrisk.risk.explain import Language
    from cardrisk.scoring.batch import Reasons

KeyPlace: TypeAlias = str | Path | Callable[[], object] | None
"""Where each worker finds the token key: a file's path, an importable function, None for its environment."""

CHUNK: Final = 65_536
"""Rows that go through the boundary together."""
HISTORY_FIRST: Final = 2**62
"""Rows of history stand this far before those of the table asked about, so that they come first."""


@dataclass(frozen=True)
class Bundle:
    """A model as files; loaded, after verification, once per process.

    Attributes
    ----------
    files
        The bundle's files.
    declared
        Declarations of its features.
    version
        Names the content.
    """

    files: Mapping[str, bytes] = field(repr=False)
    declared: FeatureSet = field(repr=False)
    version: str

    @classmethod
    def of(cls, model: RiskModel) -> "Bundle":
        """Make ready to be shipped."""
        return cls(dict(model.files), model.features, model.version)

    def load(self) -> RiskModel:
        """Give the model; the bundle is verified as one from disk is."""
        if self.version not in _MODELS:
            with TemporaryDirectory() as folder:
                from cardrisk.risk import bundle

                bundle.write(Path(folder) / "bundle", self.files)
                _MODELS[self.version] = RiskModel.load(Path(folder) / "bundle", features=self.declared)
        return _MODELS[self.version]


_MODELS: Final[dict[str, RiskModel]] = {}
_INTAKES: Final[dict[object, Intake]] = {}


@dataclass(frozen=True)
class Work:
    """Settings of one call.

    Attributes
    ----------
    features
        What is computed.
    key
        Where workers find the token key.
    tz
        Zone of times that carry none.
    bundle
        The model; None where features alone are wanted.
    costs, reasons, language
        As in :func:`cardrisk.score`.
    chunk
        Rows that go through the boundary together.
    """

    features: FeatureSet = field(repr=False)
    key: KeyPlace = None
    tz: str | None = None
    bundle: Bundle | None = None
    costs: Costs | None = None
    reasons: "Reasons" = "stopped"
    language: "Language" = "en"
    chunk: int = CHUNK

    def intake(self, frame: pd.DataFrame) -> Intake:
        """Give the boundary of this process, ready for ``frame``.

        Raises
        ------
        KeyMaterialError
            The frame holds codes, addresses or devices, and this worker finds no key.
        """
        if not any(column in frame for column in RAW):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoKeyWarning)
                return _INTAKES.setdefault("no codes", Intake())
        if self.key not in _INTAKES:
            ring = resolve(self.key)
            if ring is None:
                raise KeyMaterialError(
                    "Spark workers: expected a token key, got none: tokens of several processes agree only under one "
                    "key; set CARDRISK_KEY in the workers' environment, or give key= the path of a file they can read"
                )
            _INTAKES[self.key] = Intake(ring)
        return _INTAKES[self.key]


def key_place(key: KeySource | None) -> KeyPlace:
    """Refuse a key that would travel inside the tasks.

    Raises
    ------
    InputError
        The key itself was given, or a callable that may hold it.
    """
    if key is None or isinstance(key, str | Path):
        return key
    if isinstance(key, FunctionType) and key.__module__ != "__main__" and _importable(key):
        return key
    raise InputError(
        f"key: expected the path of a file that every Spark worker can read, an importable function, or CARDRISK_KEY "
        f"in the workers' environment, got {type(key).__name__}: a key inside a task would stand in Spark's files"
    )


def _importable(function: FunctionType) -> bool:
    try:
        pickle.dumps(function)  # by name alone; refuses lambdas and closures
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True
