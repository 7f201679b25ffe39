"""One training run in MLflow: parameters, metrics, pictures, data digests and the model itself.

Correctness: what is logged names no person and no card - metrics, counts and digests only, and the bundle; a model
is registered, and an alias set, only after everything else of its run has been written.
"""

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cardrisk._version import __version__
from cardrisk.errors import InputError
from cardrisk.registry import aliases
from cardrisk.registry.store import artifact_place, using

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cardrisk.risk import Evaluation, RiskModel

EXPERIMENT: Final = "cardrisk"
REGISTERED_NAME: Final = "cardrisk"
_LONGEST_PARAM: Final = 500


@dataclass(frozen=True, slots=True)
class Tracked:
    """Where a run went.

    Attributes
    ----------
    run_id, experiment
        MLflow's run and its experiment.
    model_uri
        The logged model; loads as a pyfunc, and by `cardrisk.risk.load_model`.
    version
        Version of the registered model; None when it was not registered.
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
    signing_key: bytes | None = None,
) -> Tracked:
    """Log a trained model, and how good it is, to MLflow.

    Parameters
    ----------
    model
        What :func:`cardrisk.train` returned.
    report
        What :func:`cardrisk.evaluate` returned; its metrics are logged and, unless ``figures`` are given, its
        pictures.
    figures
        File name to matplotlib figure.
    register
        Name in the model registry; not registered when omitted.
    alias
        Alias to set on the registered version, such as ``"champion"`` or ``"challenger"``.
    experiment, params
        MLflow's experiment and further parameters of the run.
    store
        MLflow tracking URI; by default what MLflow is already set to, else ``sqlite:///mlflow.db`` here.
    signing_key
        Signs the bundle, at least 16 bytes; None: unsigned.

    Returns
    -------
    Tracked

    Raises
    ------
    InputError
        An alias without a name to register under.
    StoreError
        The tracking store cannot be reached, or refuses.
    """
    if alias is not None and register is None:
        raise InputError(f"alias {alias!r}: expected a name to register the model under, got none; give register=")
    if report is not None and figures is None:
        figures = _pictures(report)
    with using(store, create=True) as client:
        import mlflow

        identity = _experiment(client, experiment)
        nested = mlflow.active_run() is not None
        with mlflow.start_run(experiment_id=identity, nested=nested, run_name=f"model {model.version}") as run:
            mlflow.set_tags({"cardrisk.version": __version__, aliases.MODEL: model.version})
            mlflow.log_params({**describe(model), **(params or {})})
            for name, figure in (figures or {}).items():
                mlflow.log_figure(figure, f"pictures/{name}.png")
            logged = _log_model(model, signing_key)
            _log_figures(model, report, logged.model_id)
        version = aliases.register(client, register, logged.model_uri, model, alias) if register else None
        return Tracked(run.info.run_id, experiment, logged.model_uri, version)


def describe(model: "RiskModel") -> dict[str, Any]:
    """What the model says about itself, flattened to ``outer.inner``: window, counts, digests, settings, versions."""
    about = {name: value for name, value in model.about.items() if name != "metrics"}
    return {"features": len(model.needed), **dict(_flat("", about))}


def _flat(prefix: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [item for name, inner in value.items() for item in _flat(f"{prefix}.{name}".strip("."), inner)]
    plain = isinstance(value, str | int | float) and len(str(value)) <= _LONGEST_PARAM
    return [(prefix, value)] if plain else []


def _experiment(client: Any, name: str) -> str:
    import mlflow

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=artifact_place(mlflow.get_tracking_uri())))


def _log_model(model: "RiskModel", signing_key: bytes | None) -> Any:
    import mlflow

    from cardrisk.codes import NoKeyWarning
    from cardrisk.registry.signature import input_example, signature

    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        # MLflow scores the example once to check it; there is no code in it that a key would be needed for
        warnings.simplefilter("ignore", NoKeyWarning)
        bundle = Path(scratch) / "bundle"
        model.save(bundle, key=signing_key)
        return mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("pyfunc.py")),
            artifacts={"bundle": str(bundle)},
            signature=signature(),
            input_example=input_example(),
            # named, so that MLflow does not start processes to guess them
            pip_requirements=[f"cardrisk=={__version__}"],
        )


def _log_figures(model: "RiskModel", report: "Evaluation | None", model_id: str) -> None:
    """Metrics beside the cards they were measured on: the later part of training, and the evaluation's."""
    import mlflow

    from cardrisk.registry.datasets import evaluation_dataset, training_dataset

    trained = training_dataset(model)
    mlflow.log_input(trained, context="training")
    held = {f"held_out.{name}": value for name, value in model.about.get("metrics", {}).items()}
    mlflow.log_metrics(_finite(held), model_id=model_id, dataset=trained)
    if report is not None:
        measured = evaluation_dataset(report.frames["scored"])
        mlflow.log_input(measured, context="evaluation")
        mlflow.log_metrics(_finite(report.metrics), model_id=model_id, dataset=measured)


def _finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Finite numbers only: MLflow's SQL stores keep no NaN."""
    numbers = {name: float(value) for name, value in metrics.items() if isinstance(value, int | float)}
    return {name: value for name, value in numbers.items() if abs(value) < float("inf")}


def _pictures(report: "Evaluation") -> "dict[str, Figure]":
    from cardrisk.pictures import evaluation_pictures

    return evaluation_pictures(report)
