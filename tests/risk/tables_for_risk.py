"""Small tables with a signal, made in memory: what every test of this room trains on."""

import numpy as np
import pandas as pd

from cardrisk.risk.labels import DAY

KEY = b"a key that belongs to tests only"
START = pd.Timestamp("2026-01-05T00:00Z")


def cards(count: int = 3_000, days: float = 20.0, seed: int = 0) -> pd.DataFrame:
    """Handbook-style submissions: ids, a time, two entities and an amount, nothing else."""
    random = np.random.default_rng(seed)
    at = START + pd.to_timedelta(np.sort(random.uniform(0, days * 86_400, count)), unit="s")
    return pd.DataFrame(
        {
            "submission_id": [f"s{number:06d}" for number in range(count)],
            "submitted_at": at.as_unit("us"),
            "submitter_id": [f"u{number}" for number in random.integers(0, 80, count)],
            "store_id": [f"m{number}" for number in random.integers(0, 12, count)],
            "face_value": np.round(random.lognormal(4, 1, count), 2),
        }
    )


def answers(given: pd.DataFrame, wait: str = "7D", seed: int = 0, *, causes: bool = False) -> pd.DataFrame:
    """Answers that arrive ``wait`` later and fail by store and amount; optionally with causes."""
    random = np.random.default_rng(seed + 1)
    bad_store = given["store_id"].isin(["m1", "m2", "m3"]).to_numpy()
    margin = -2.6 + 2.4 * bad_store + 2.0 * (given["face_value"].to_numpy() > 150)
    failed = random.random(len(given)) < 1 / (1 + np.exp(-margin))
    out = pd.DataFrame(
        {
            "submission_id": given["submission_id"],
            "answered_at": given["submitted_at"] + pd.Timedelta(wait),
            "status": np.where(failed, "failed", "success"),
        }
    )
    if causes:
        cause = np.where(bad_store, "mistyped", np.where(random.random(len(given)) < 0.7, "forged", "expired"))
        out["cause"] = np.where(failed, cause, "ok")
        out["label_source"] = "gateway"
    return out


def moment(days: float) -> int:
    """Microseconds UTC, so many days after the first card."""
    return int(START.as_unit("us").asm8.astype(np.int64)) + int(days * DAY)
