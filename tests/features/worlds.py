"""Small random tables full of trouble: ties, late arrivals, duplicates, revisions, unknowns, orphans."""

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-03-27", tz="UTC")


def tables(rng, n=60, days=40, entities=3):
    """Return (submissions, outcomes); moments lie on a coarse grid so that ties and edges are common."""
    step = int(rng.choice([60, 3600, 21600, 86400]))
    span = max(days * 86400 // step, 2)
    at = START + pd.to_timedelta(rng.integers(0, span, n) * step, unit="s")
    late = at + pd.to_timedelta(rng.integers(0, 5, n) * step, unit="s")
    pick = lambda prefix, k, null=0.1: [  # noqa: E731
        None if rng.random() < null else f"{prefix}{i}" for i in rng.integers(0, k, n)
    ]
    frame = pd.DataFrame(
        {
            "submission_id": [f"s{i}" for i in rng.integers(0, n * 4, n)],
            "submitted_at": at.astype("datetime64[us, UTC]"),
            "received_at": late.where(rng.random(n) < 0.2).astype("datetime64[us, UTC]"),
            "channel": pick("ch", 2, 0),
            "card_kind": pick("k", 2),
            "batch_id": pick("b", entities * 2),
            "submitter_id": pick("u", entities),
            "supplier_id": pick("p", entities),
            "dealer_id": pick("d", entities),
            "store_id": pick("t", entities),
            "ip_token": pick("i", entities),
            "device_token": pick("v", entities),
            "card_token": pick("c", n // 2),
            "number_token": pick("n", n // 3),
            "secret_token": pick("x", n // 3),
            "serial_block": pick("r", entities),
            "region_issued": pick("g", 2),
            "region_of_use": pick("g", 2),
            "code_secret_surprise": rng.choice([0.0, 1.0, 3.0, 9.0, np.nan], n),
            "face_value": rng.choice([0, 10, 50.01, 99.99, np.nan], n),
            "asking_price": rng.choice([0, 9.5, 33.33, np.nan], n),
            "valid_until": (START + pd.to_timedelta(rng.integers(-3, 3, n), unit="D")).astype("datetime64[us, UTC]"),
        }
    )
    return frame, answers(rng, frame, late, step)


def answers(rng, frame, late, step):
    """Answers, some of them revised, tied, early, or about cards nobody knows."""
    rows = rng.integers(0, len(frame), int(1.4 * len(frame)))
    delay = pd.to_timedelta(rng.integers(0, 12, rows.size) * step, unit="s")
    ids = frame["submission_id"].to_numpy()[rows]
    ids[rng.random(rows.size) < 0.05] = "nobody"
    return pd.DataFrame(
        {
            "submission_id": ids,
            "answered_at": (late[rows] + delay - pd.Timedelta(seconds=2 * step)).astype("datetime64[us, UTC]"),
            "status": rng.choice(["success", "failed", "partial", "unknown"], rows.size, p=[0.4, 0.4, 0.1, 0.1]),
            "cause": rng.choice(["mistyped", "forged", "expired", None], rows.size),
            "gateway_message": rng.choice(["used", "wrong", "late", None], rows.size),
        }
    )
