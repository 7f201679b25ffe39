"""Versions of a registered model and the aliases that name them.

Correctness: an alias moves only to a version whose bundle has been verified; the champion that was replaced is
written on its successor before the alias moves, so that there is always a way back.
"""

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cardrisk.errors import ModelError
from cardrisk.registry.store import missing, using

if TYPE_CHECKING:
    from cardrisk.risk import RiskModel

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
MODEL: Final = "cardrisk.model"
"""Tag of runs and versions: the model's own version, which names its content."""

REPLACED: Final = "cardrisk.replaced"
"""Tag of a version that became champion: the version it replaced."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """A champion given back: ``champion`` holds the alias again, ``replaced`` has lost it (registry versions)."""

    champion: str
    replaced: str


def rollback(name: str = "cardrisk", *, store: str | None = None, signing_key: bytes | None = None) -> Rollback:
    """Give the champion alias back to the version that held it before; again goes one further back.

    Parameters
    ----------
    name
        Registered model.
    store
        MLflow tracking URI; by default what MLflow is set to, else ``sqlite:///mlflow.db`` here.
    signing_key
        Then only a bundle signed with it is given the alias.

    Returns
    -------
    Rollback

    Raises
    ------
    ModelError
        There is no champion, or none before it.
    BundleError
        The earlier bundle failed verification; the alias has not moved.
    StoreError
        The store cannot be reached.
    """
    with using(store) as client:
        now = holder(client, name, CHAMPION)
        if now is None:
            raise ModelError(f"expected a champion of {name!r} to roll back, got none; set one with track(alias=...)")
        earlier = now.tags.get(REPLACED)
        if earlier is None:
            raise ModelError(f"expected a champion of {name!r} before version {now.version}, got none on record")
        fetch(client, name, earlier, signing_key)
        client.set_registered_model_alias(name, CHAMPION, earlier)
        return Rollback(str(earlier), str(now.version))


def crown(client: Any, name: str, version: str) -> None:
    """Make a version champion, and write on it which one it replaced."""
    now = holder(client, name, CHAMPION)
    if now is not None and str(now.version) != version:
        client.set_model_version_tag(name, version, REPLACED, str(now.version))
    client.set_registered_model_alias(name, CHAMPION, version)


def register(client: Any, name: str, model_uri: str, model: "RiskModel", alias: str | None) -> str:
    """Register a logged model and set an alias on it.

    Returns
    -------
    str
        Its version in the registry.
    """
    import mlflow

    # MLflow prints what it registered, past every logger
    with contextlib.redirect_stderr(io.StringIO()):
        made = mlflow.register_model(model_uri, name, tags={MODEL: model.version})
    version = str(made.version)
    if alias == CHAMPION:
        crown(client, name, version)
    elif alias is not None:
        client.set_registered_model_alias(name, alias, version)
    return version


def holder(client: Any, name: str, alias: str) -> Any:
    """MLflow's record of the version that holds an alias; None where nobody does."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if missing(error):
            return None
        raise


def fetch(client: Any, name: str, version: str, signing_key: bytes | None = None) -> "RiskModel":
    """Load a registered version, verified, and check that it is the content that was registered.

    Raises
    ------
    ModelError
        There is no such version.
    BundleError
        Its bundle failed verification, or is another model than the registry says.
    """
    from mlflow.exceptions import MlflowException

    from cardrisk.errors import BundleError
    from cardrisk.risk import load_model

    try:
        record = client.get_model_version(name, version)
    except MlflowException as error:
        if missing(error):
            raise ModelError(f"expected version {version} of {name!r} in the registry, got none") from None
        raise
    model = load_model(f"models:/{name}/{version}", key=signing_key)
    expected = record.tags.get(MODEL)
    if expected is not None and expected != model.version:
        raise BundleError(
            f"version {version} of {name!r} was registered with model {expected}, its files hold {model.version}; "
            "restore them, or register the model again"
        )
    return model
