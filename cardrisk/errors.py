"""Every error this library raises on purpose.

::

    CardriskError
    ├── InputError (ValueError)          what was handed in cannot be used
    │   ├── MissingColumnError           a required column is not there
    │   ├── UnusableFileError            not readable as the table it should be
    │   ├── TimeZoneError                naive times and no zone given
    │   ├── FutureEventError             an event lies ahead of this machine's clock
    │   └── ScenarioError                a world that contradicts itself
    ├── ModelError (ValueError)          a model cannot be used
    │   ├── BundleError                  a bundle failed verification, or its content is malformed
    │   └── FeatureMismatchError         the model needs columns that were not given
    ├── KeyMaterialError (ValueError)    the token key is missing, too short, or unknown
    ├── StoreError (RuntimeError)        a history store cannot be read or written
    └── MissingExtraError (ImportError)  an optional dependency is not installed

Two warnings stand beside them: `QuarantineWarning`, for rows that are left out of a table that is learnt from, and
`TrainingWarning`, for what is learnt from all the same.

A message says what was expected, what came and what to do. It never holds a card number or a secret.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame


class CardriskError(Exception):
    """Base of every error raised on purpose by this library."""


class InputError(CardriskError, ValueError):
    """What was handed in cannot be used."""


class MissingColumnError(InputError):
    """A required column is not there."""


class UnusableFileError(InputError):
    """A file cannot be read as the table it should be."""


class TimeZoneError(InputError):
    """Times carry no zone and none was given."""


class FutureEventError(InputError):
    """An event lies further ahead of this machine's clock than is allowed."""


class ScenarioError(InputError):
    """A scenario of the synthetic world contradicts itself."""


class ModelError(CardriskError, ValueError):
    """A model cannot be used."""


class BundleError(ModelError):
    """A bundle failed verification, or what it holds is not a model.

    Digests are compared before anything is parsed. What carries a good digest, and a good seal where a key is given, is
    read by this library's own parser, which checks every number before it is used; no native parser is involved.
    """


class FeatureMismatchError(ModelError):
    """The model needs columns that were not given."""


class KeyMaterialError(CardriskError, ValueError):
    """The token key is missing, too short, or unknown."""


class StoreError(CardriskError, RuntimeError):
    """A history store cannot be read or written."""


class MissingExtraError(CardriskError, ImportError):
    """An optional dependency is not installed."""


class QuarantineWarning(UserWarning):
    """Rows of a table that is learnt from, measured on or serves as history broke a rule and are left out.

    Attributes
    ----------
    table
        What the table was handed in as, such as ``outcomes``.
    quarantined
        Frame of the rows: ``row`` (position), ``rule``, ``column``, masked ``value``.
    """

    def __init__(self, message: str, table: str = "", quarantined: "DataFrame | None" = None) -> None:
        super().__init__(message)
        self.table, self.quarantined = table, quarantined


class TrainingWarning(UserWarning):
    """A model is learnt from what is hardly meant so: few failures, repeated cards, answers far from their cards."""
