"""One training run in MLflow: parameters, metrics, pictures, data digests and the model itself.

What is logged names no person and no card: metrics, counts and digests only, and the bundle.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cardrisk._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

    from cardrisk.risk import Evaluation, RiskModel

EXPERIMENT: Final = "cardrisk"
REGISTERED_NAME: Final = "cardrisk"
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
DEFAULT_STORE: Final = "sqlite:///mlflow.db"


@dataclass(frozen=True, slots=True)
class Tracked:
    """Where a run went.

    Attributes
    ----------
    run_id, experiment
        MLflow's run and its experiment.
    model_uri
        The logged model; loads as a pyfunc.
    version
        Version of the registered model; null when it was not registered.
    """

    run_id: str
    experiment: str
    model_uri: str
    version: str | None


def track(
    model: "RiskModel",
    report: "Evaluation | None" = None,
    *,
    figures: "Mapping[str, Figure] | None" = None,
    register: str | None = None,
    alias: str | None = None,
    experiment: str = EXPERIMENT,
    params: Mapping[str, Any] | None = None,
    store: str | None = None,
) -> Tracked:
    """Log a trained model, and how good it is, to MLflow.

    Parameters
    ----------
    model
        What :func:`cardrisk.train` returned.
    report
        What :func:`cardrisk.evaluate` returned; its metrics are logged and, unless ``figures`` are given, its pictures.
    figures
        File name to matplotlib figure.
    register
        Name in the model registry; not registered when omitted.
    alias
        Alias to set on the registered version, such as ``"champion"``.
    experiment, params
        MLflow's experiment and further parameters of the run.
    store
        MLflow tracking URI; by default what MLflow is already set to, else ``sqlite:///mlflow.db`` here.

    Returns
    -------
    Tracked

    Raises
    ------
    mlflow.exceptions.MlflowException
        The tracking store cannot be reached.
    """
    import mlflow

    with _quiet(), _tracking(store) as artifacts:
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(experiment)
        experiment_id = (
            found.experiment_id if found else client.create_experiment(experiment, artifact_location=artifacts)
        )
        with mlflow.start_run(experiment_id=experiment_id) as run, tempfile.TemporaryDirectory() as scratch:
            mlflow.log_params({**_describe(model), **(params or {})})
            mlflow.set_tags({"cardrisk.version": __version__, "cardrisk.model": model.version})
            if report is not None:
                mlflow.log_metrics(_loggable(report.metrics))
                figures = _pictures(report) if figures is None else figures
            for name, figure in (figures or {}).items():
                mlflow.log_figure(figure, f"pictures/{name}.png")
            info = _log_model(model, Path(scratch) / "bundle", register)
        version = info.registered_model_version
        if register and alias:
            client.set_registered_model_alias(register, alias, version)
        return Tracked(run.info.run_id, experiment, info.model_uri, None if version is None else str(version))


def _log_model(model: "RiskModel", bundle: Path, register: str | None) -> Any:
    import mlflow

    from cardrisk.registry.signature import input_example, signature

    model.save(bundle)
    return mlflow.pyfunc.log_model(
        name="model",
        python_model=str(Path(__file__).with_name("pyfunc.py")),
        artifacts={"bundle": str(bundle)},
        signature=signature(),
        input_example=input_example(),
        pip_requirements=[f"cardrisk=={__version__}"],
        registered_model_name=register,
    )


def _describe(model: "RiskModel") -> dict[str, Any]:
    """What the model says about itself, flattened to ``outer.inner``: settings, window, counts, digests."""
    flat: dict[str, Any] = {}
    for name, value in model.about.items():
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        for key, item in inner:
            if isinstance(item, str | int | float | bool) and len(str(item)) <= 500:
                flat[f"{name}.{key}" if key else name] = item
    return flat


def _loggable(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Finite numbers only: MLflow's SQL stores refuse NaN."""
    numbers = {name: float(v) for name, v in metrics.items() if isinstance(v, int | float)}
    return {name: value for name, value in numbers.items() if value == value and abs(value) != float("inf")}


def _pictures(report: "Evaluation") -> "dict[str, Figure]":
    from cardrisk.pictures import evaluation_pictures

    return evaluation_pictures(report)


@contextmanager
def _tracking(store: str | None) -> "Iterator[str | None]":
    """Point MLflow at the store for the length of one run, and back again; yields where artifacts go."""
    import mlflow

    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    wanted = store or before or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE
    mlflow.set_tracking_uri(wanted)
    path = wanted.removeprefix("sqlite:///")
    # a SQLite store says nothing about artifacts: they go beside it, not wherever the process happens to run
    beside = str(Path(path).resolve().parent / "mlartifacts") if path != wanted else None
    try:
        yield beside
    finally:
        if store is not None:
            mlflow.set_tracking_uri(before)


@contextmanager
def _quiet() -> "Iterator[None]":
    """Keep MLflow's progress and advice out of the user's log; errors still raise."""
    import logging
    import warnings

    logger = logging.getLogger("mlflow")
    alembic = logging.getLogger("alembic")
    levels = logger.level, alembic.level
    bars = os.environ.get("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR")
    logger.setLevel(logging.ERROR)
    alembic.setLevel(logging.ERROR)
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(levels[0])
        alembic.setLevel(levels[1])
        if bars is None:
            del os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"]
        else:
            os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = bars
