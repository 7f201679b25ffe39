"""Plain point-in-time features for the tests of learnability: what entities' answered cards told before each card.

Independent of the library's own features on purpose.
"""

import numpy as np
import pandas as pd

ENTITIES = (
    "supplier_id",
    "submitter_id",
    "batch_id",
    "store_id",
    "dealer_id",
    "client_ip",
    "device_id",
    "lot",
    "card_kind",
)


def _codes(column: pd.Series) -> np.ndarray:
    codes, _ = pd.factorize(column)
    return codes


def _before(entity: np.ndarray, known: np.ndarray, event: np.ndarray, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum of ``values`` of earlier events of the same entity known before each row."""
    order = np.lexsort((known, event))
    sums = np.r_[0.0, np.cumsum(values[order])]
    span, start = np.int64(2**44), known.min()
    micro = (known[order] - start).astype(np.int64)
    keys = event[order].astype(np.int64) * span + np.clip(micro, 0, span - 1)
    wanted = entity.astype(np.int64) * span + np.clip(at - start, 0, span - 1)
    first = np.searchsorted(keys, entity.astype(np.int64) * span, side="left")
    last = np.maximum(np.searchsorted(keys, wanted, side="left"), first)
    return np.where(entity < 0, np.nan, sums[last] - sums[first])


def frame(submissions: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Row facts and history counts, one row per submission."""
    cards = submissions.reset_index(drop=True)
    at = cards["received_at"].fillna(cards["submitted_at"]).astype("int64").to_numpy()
    cards["lot"] = cards["card_kind"] + cards["card_no"].str[:-4]
    row = pd.Series(np.arange(len(cards)), index=cards["submission_id"])
    first = outcomes[outcomes["status"].isin(["success", "failed", "partial"])]
    of = row.reindex(first["submission_id"]).to_numpy()
    known = first["answered_at"].astype("int64").to_numpy()
    failed = (first["status"] != "success").to_numpy(dtype=float)
    out = {
        name: _codes(cards[name]).astype(float)
        for name in ("channel", "card_kind", "entry_method", "medium", "region_issued", "region_of_use")
    }
    out |= {
        "photo_quality": cards["photo_quality"].to_numpy(),
        "face_value": cards["face_value"].to_numpy(),
        "price": (cards["asking_price"] / cards["face_value"]).to_numpy(),
        "credit": cards["submitter_credit_score"].to_numpy(),
        "tenure": (cards["submitted_at"] - cards["submitter_registered_at"]).dt.days.to_numpy(),
        "expiry": (cards["valid_until"] - cards["submitted_at"]).dt.days.to_numpy(),
        "bound": cards["account_bound"].astype("float64").to_numpy(na_value=np.nan),
        "away": (cards["region_issued"].notna() & (cards["region_issued"] != cards["region_of_use"])).to_numpy(float),
        "broken": broken(cards).astype(float),
        "together": cards.groupby("batch_id")["face_value"].transform("size").to_numpy(float),
    }
    for name in ENTITIES:
        entity = _codes(cards[name])
        answered = _before(entity, known, entity[of], at, np.ones(len(of)))
        bad = _before(entity, known, entity[of], at, failed)
        recent = _before(entity, known + 2 * 86_400_000_000, entity[of], at, failed)
        recent_n = _before(entity, known + 2 * 86_400_000_000, entity[of], at, np.ones(len(of)))
        out[f"{name}_n"] = answered
        out[f"{name}_rate"] = (bad + 0.1) / (answered + 1.0)
        out[f"{name}_recent"] = (bad - recent + 0.1) / (answered - recent_n + 1.0)
    return pd.DataFrame(out)


def broken(cards: pd.DataFrame) -> np.ndarray:
    """Whether number or secret cannot be a code of its kind: length or alphabet, from the published shapes."""
    from cardrisk.kinds import KINDS

    out = np.zeros(len(cards), dtype=bool)
    for name, rows in cards.groupby("card_kind").indices.items():
        kind = KINDS[name]
        for column, shape in (("card_no", kind.number), ("card_secret", kind.secret)):
            if shape is None:
                continue
            text = cards[column].iloc[rows]
            whole = "[0-9]" if shape.alphabet == "digits" else "[0-9A-Z]"
            lengths = "|".join(f"{whole}{{{n}}}" for n in shape.lengths)
            out[rows] |= ~text.str.fullmatch(lengths).fillna(True).to_numpy(dtype=bool)
            if shape.letters_first:
                pattern = f"[A-Z]{{{shape.letters_first}}}[0-9]*"
                out[rows] |= ~text.str.fullmatch(pattern).fillna(True).to_numpy(dtype=bool)
    return out
