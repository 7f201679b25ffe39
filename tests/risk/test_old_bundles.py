"""Bundles of every protocol that was ever written still load, and score as they did, to the bit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cardrisk.risk import RiskModel
from cardrisk.risk.bundle import READABLE

OLD = Path(__file__).parent / "bundles"


@pytest.mark.parametrize("protocol", READABLE)
def test_old_bundles_load_and_score_as_they_did(protocol):
    folder = OLD / f"protocol_{protocol}"
    model = RiskModel.load(folder / "bundle")
    frame = pd.read_csv(folder / "features.csv", dtype=dict.fromkeys(model.card.columns.categories, "str"))
    expected = pd.read_csv(folder / "scores.csv", dtype="str").map(float.fromhex)
    # features hold few digits beyond float32, so that text keeps them; exp may differ by one ulp between machines
    np.testing.assert_allclose(model.predict(frame).to_numpy(), expected.to_numpy(), rtol=1e-12)
