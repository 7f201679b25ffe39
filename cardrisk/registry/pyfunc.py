"""The model as MLflow serves it: ``predict`` equals ``cardrisk.score`` without history. Nothing here is pickled.

MLflow copies this file into the model's folder and runs the copy on load, so it holds no logic of its own: the
bundle beside it is verified before anything of it is read.
"""

from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel

import cardrisk


class CardriskModel(PythonModel):
    """A verified bundle behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Verify and load the bundle among the model's artifacts."""
        self.model = cardrisk.RiskModel.load(context.artifacts["bundle"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        """Score cards: one row out per row in, as ``cardrisk.score`` gives them."""
        return cardrisk.score(model_input, model=self.model)


mlflow.models.set_model(CardriskModel())
