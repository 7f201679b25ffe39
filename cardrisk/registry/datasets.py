"""What MLflow is told about data: a name, a digest, how many cards, which columns. Never a row, never a path.

Correctness: equal tables give equal digests whatever their row order; what is logged cannot be turned back.
"""

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cardrisk._version import __version__

if TYPE_CHECKING:
    from cardrisk.risk import RiskModel

DIGEST_LENGTH = 32
"""Hexadecimal digits kept: MLflow stores at most 36."""


def training_dataset(model: "RiskModel") -> Any:
    """MLflow's record of the cards a model was trained on: the model's own data digest, counts and features."""
    counts = model.about.get("cards", {})
    text = set(model.card.columns.categories)
    columns = [(name, "string" if name in text else "double") for name in model.card.columns.names]
    return _record("training", str(model.about.get("data_digest", "")), counts, columns)


def evaluation_dataset(scored: pd.DataFrame) -> Any:
    """MLflow's record of the cards a model was measured on.

    Parameters
    ----------
    scored
        One row per card: ``submission_id`` and ``failed`` (1, 0, null unknown).
    """
    failed = scored["failed"].to_numpy(np.float64)
    columns = [("submission_id", "string"), ("failed", "double")]
    return _record("evaluation", digest_of(scored), {"cards": len(failed), "failed": int(np.nansum(failed))}, columns)


def digest_of(scored: pd.DataFrame) -> str:
    """SHA-256 over ids and labels in the order of their hashes: hexadecimal."""
    ids = pd.util.hash_array(scored["submission_id"].to_numpy(object), categorize=False)
    order = np.argsort(ids, kind="stable")
    content = hashlib.sha256(ids[order].tobytes())
    content.update(scored["failed"].to_numpy(np.float64)[order].tobytes())
    return content.hexdigest()


def _record(name: str, digest: str, counts: Any, columns: list[tuple[str, str]]) -> Any:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.types.schema import ColSpec, Schema

    class Counted(MetaDataset):
        """A record without data that also says how many cards there were."""

        @property
        def profile(self) -> Any:
            return dict(counts)

        def to_dict(self) -> dict[str, str]:
            return {**super().to_dict(), "profile": json.dumps(self.profile, sort_keys=True)}

    schema = Schema([ColSpec(kind, column) for column, kind in columns])
    # the source is the library itself: where the tables stood is nobody's business but the user's
    source = CodeDatasetSource({"library": f"cardrisk {__version__}"})
    return Counted(source, name=name, digest=digest[:DIGEST_LENGTH] or None, schema=schema)
