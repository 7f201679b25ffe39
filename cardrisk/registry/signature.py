"""What MLflow is told about the model's input and output; the example is invented, no card stands in it."""

from typing import Any, Final

import pandas as pd

from cardrisk.facts import CAUSES
from cardrisk.tables import SUBMISSIONS

_EXAMPLE: Final = {
    "submission_id": "example-1",
    "submitted_at": "2026-01-05T08:00:00Z",
    "channel": "ecommerce",
    "card_kind": "china_mobile",
    "submitter_id": "example-submitter",
    "face_value": 100.0,
}


def signature() -> Any:
    """MLflow's ``ModelSignature``: the submissions contract in, the columns of ``cardrisk.score`` out.

    Every input is ``Any`` and none is required: the contract accepts more forms than MLflow's types (numbers as text,
    times with any zone, null in every column), and names by rule what it does not accept; MLflow would refuse a whole
    table because of one cell's type, and show the table, codes and all, in its message. Only canonical headers are
    known at this door.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import schema

    anything: Any = schema.AnyType
    ColSpec, Array, DataType = schema.ColSpec, schema.Array, schema.DataType
    inputs: list[Any] = [ColSpec(anything(), name, required=False) for name in SUBMISSIONS.names]
    outputs: list[Any] = [
        ColSpec("string", "submission_id"),
        ColSpec("double", "p_fail"),
        ColSpec("string", "cause"),
        *(ColSpec("double", f"p_{cause}") for cause in CAUSES),
        ColSpec("string", "decision"),
        ColSpec("double", "expected_loss"),
        ColSpec("double", "propensity"),
        ColSpec(Array(DataType.string), "reasons"),
        ColSpec("string", "rule", required=False),
        ColSpec("string", "model_version"),
    ]
    return ModelSignature(inputs=schema.Schema(inputs), outputs=schema.Schema(outputs))


def input_example() -> pd.DataFrame:
    """One invented card without number or secret."""
    return pd.DataFrame([_EXAMPLE])
