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
    """MLflow's ``ModelSignature`` over the submissions contract; every optional column is optional here too.

    Times, codes and flags are ``Any``: the contract of submissions accepts more forms than MLflow's types,
    and says by rule name what it does not accept.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    inputs = [
        ColSpec("string" if name.endswith("_id") else AnyType(), name, required=name in SUBMISSIONS.required)
        for name in SUBMISSIONS.names
    ]
    outputs = [
        ColSpec("string", "submission_id"),
        ColSpec("double", "p_fail"),
        ColSpec("string", "cause"),
        *(ColSpec("double", f"p_{cause}") for cause in CAUSES),
        ColSpec("string", "decision"),
        ColSpec("double", "expected_loss"),
        ColSpec("double", "propensity"),
        ColSpec(AnyType(), "reasons"),
        ColSpec("string", "rule", required=False),
        ColSpec("string", "model_version"),
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def input_example() -> pd.DataFrame:
    """One invented card without number or secret."""
    return pd.DataFrame([_EXAMPLE])
