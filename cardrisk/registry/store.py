"""Where MLflow keeps runs and models, and how it is spoken to.

Correctness: inside ``using`` MLflow works on the store that was asked for and says nothing; afterwards everything
is as it was before, whatever happened inside; no error message holds a password of the store's address.
"""

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from cardrisk.errors import StoreError

DEFAULT_STORE: Final = "sqlite:///mlflow.db"
"""Used where neither the caller nor MLflow names one: a file in the working folder."""

ARTIFACTS: Final = "mlartifacts"
"""Folder beside a SQLite store that holds pictures and models."""

_LONGEST: Final = 200


@contextmanager
def using(store: str | None = None, *, create: bool = False) -> Iterator[Any]:
    """Point MLflow at a store for a while, quietly.

    Parameters
    ----------
    store
        MLflow tracking URI. None: the one MLflow is set to (``mlflow.set_tracking_uri`` or the environment variable
        ``MLFLOW_TRACKING_URI``), else ``sqlite:///mlflow.db``.
    create
        Whether a SQLite file that is not there may be made.

    Yields
    ------
    mlflow.MlflowClient
        A client of that store.

    Raises
    ------
    StoreError
        The store is not there, cannot be reached, or refuses.
    """
    _no_telemetry()
    mlflow: Any = import_module("mlflow")
    with _quiet():
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
        uri = store or before or DEFAULT_STORE
        _look(uri, create)
        mlflow.set_tracking_uri(uri)
        try:
            yield mlflow.MlflowClient()
        except (MlflowException, SQLAlchemyError) as error:
            raise StoreError(f"MLflow refused: {first_line(error)}") from None
        finally:
            mlflow.set_tracking_uri(before)


def artifact_place(uri: str) -> str | None:
    """Where a new experiment keeps its files: beside a SQLite store, else (None) wherever its server says."""
    path = _sqlite_file(uri)
    # MLflow's own choice for SQLite is a folder of the process's working directory
    return None if path is None else (path.resolve().parent / ARTIFACTS).as_uri()


def first_line(error: BaseException) -> str:
    """First line of an error, shortened, without user and password of an address."""
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return re.sub(r"//[^@/\s]+@", "//***@", line)[:_LONGEST]


def missing(error: BaseException) -> bool:
    """Whether an MLflow error says that what was asked for is not there."""
    return getattr(error, "error_code", "") in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def _sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite address; None for any other, and for one held in memory."""
    found = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    return Path(found[1]) if found and found[1] != ":memory:" else None


def _look(uri: str, create: bool) -> None:
    """Refuse a SQLite store that is not there: MLflow would make an empty one, or retry for minutes."""
    path = _sqlite_file(uri)
    if path is None or path.is_file():
        return
    if not create:
        raise StoreError(f"expected an MLflow store at {path}, got nothing there; train first, or name the store")
    try:
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make an MLflow store at {path}: {error.strerror}; name another place") from None


def _no_telemetry() -> None:
    """MLflow reports its use to its makers unless told not to; a payment platform's host calls nobody unasked."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's own progress, advice and deprecations out of the user's log; what raises still raises."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    bars = os.environ.get("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR")
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(?:mlflow|alembic|sqlalchemy)(?:\.|$)")
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if bars is None:
            os.environ.pop("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", None)
        else:
            os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = bars
