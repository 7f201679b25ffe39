"""From whatever names a model to the model itself.

Correctness: every road ends in `RiskModel.load`, which verifies before it parses; MLflow only fetches files, none
of its loaders runs.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cardrisk.errors import BundleError, MissingExtraError
from cardrisk.risk import bundle

if TYPE_CHECKING:
    from cardrisk.features import FeatureSet
    from cardrisk.risk.model import RiskModel

_PACKAGE: Final = Path(__file__).resolve().parents[1]
DEFAULTS: Final = (_PACKAGE.parent / "models" / "default", _PACKAGE / "_default_bundle")
"""Where the bundle that comes with the library stands: in a checkout, in an installed package."""

DEFAULT: Final = "default"
"""Names the bundle that comes with the library, as None does."""

_REMOTE = re.compile(r"(?:models|runs):/")
_WHERE = "MLFLOW_TRACKING_URI names the store it is looked up in"


def load_model(
    reference: "RiskModel | str | os.PathLike[str] | None" = None,
    *,
    key: bytes | None = None,
    features: "FeatureSet | None" = None,
) -> "RiskModel":
    """Give the model that a reference names.

    Parameters
    ----------
    reference
        A model (returned as it is); a bundle's folder, or an MLflow model's folder with one inside; an MLflow
        reference such as ``models:/cardrisk@champion`` or ``runs:/<id>/model``; None or ``"default"``: the default
        bundle.
    key
        Signing key: then only bundles saved with it load.
    features
        Declarations that hold the model's features; None: those of the library.

    Returns
    -------
    RiskModel

    Raises
    ------
    BundleError
        If nothing stands there, or the bundle fails verification.
    MissingExtraError
        If an MLflow reference is given and MLflow is not installed.
    """
    from cardrisk.risk.model import RiskModel

    if isinstance(reference, RiskModel):
        return reference
    return RiskModel.load(locate(reference), key=key, features=features)


def locate(reference: str | os.PathLike[str] | None = None) -> Path:
    """Folder of the bundle that a reference names; references and errors as in `load_model`."""
    if reference is None or reference == DEFAULT:
        for folder in DEFAULTS:
            if bundle.is_bundle(folder):
                return folder
        raise BundleError("expected the default bundle beside the library, found none; train a model and name it")
    if not isinstance(reference, str | os.PathLike):
        raise BundleError(
            f"model: expected a model, a bundle folder or an MLflow reference, got {type(reference).__name__}"
        )
    text = os.fspath(reference)
    folder = _fetch(text) if _REMOTE.match(text) else Path(text)
    if not folder.is_dir():
        raise BundleError(f"expected a bundle folder or an MLflow model, got {text[:200]!r}; no such folder")
    return _inside(folder)


def _inside(folder: Path) -> Path:
    """The bundle itself, or the one among the artifacts of an MLflow model."""
    for place in (folder, folder / "artifacts" / "bundle", folder / "bundle"):
        if bundle.is_bundle(place):
            return place
    return folder


def _fetch(reference: str) -> Path:
    try:
        from mlflow import artifacts, get_tracking_uri
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise MissingExtraError(f"{reference} needs MLflow, which is not installed; install mlflow") from None
    store = str(get_tracking_uri())
    # asked for a model, MLflow would make an empty store where there is none
    if (file := re.fullmatch(r"sqlite:///([^?]+)", store)) and not Path(file[1]).is_file():
        raise BundleError(f"cannot fetch {reference}: no MLflow store at {store}; {_WHERE}")
    download: Any = artifacts.download_artifacts
    try:
        return Path(download(artifact_uri=reference))
    except (MlflowException, OSError) as error:
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise BundleError(f"cannot fetch {reference} from MLflow: {first}; {_WHERE}") from None
