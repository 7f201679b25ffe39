"""Codes handed in together, taken in by several processes: the facts of one, and nothing to read in between."""

import numpy as np
import pandas as pd

from cardrisk.codes import Intake
from cardrisk.codes.steps import STEPS, seal, steps

KEY = b"a key for this test alone, 0123456789 abcdef"


def cards(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    start = rng.integers(10**15, 10**16, rows // 8 + 1)
    return pd.DataFrame(
        {
            "submission_id": [f"s{i}" for i in range(rows)],
            "submitted_at": pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(np.arange(rows) // 16, "s"),
            "batch_id": pd.Series([None if i % 11 == 0 else f"b{i // 8}" for i in range(rows)], dtype="str"),
            "card_kind": "china_telecom",
            "card_no": [f"{start[i // 8] + (i % 8) * 7 * (i % 3 > 0):019d}" for i in range(rows)],
            "card_secret": [f"{n:018d}" for n in rng.integers(0, 10**18, rows)],
        }
    )


def test_facts_put_together_from_pieces_are_those_of_one_process() -> None:
    rng = np.random.default_rng(5)
    frame = cards(rng, 400)
    whole = Intake(KEY).frame(frame)
    pieces = [seal(Intake(KEY), frame.iloc[at]) for at in np.array_split(np.arange(400), 7)]
    nonce, sealed = (np.concatenate(part) for part in zip(*pieces, strict=True))
    group = pd.factorize(frame["batch_id"] + frame["submitted_at"].astype(str))[0].astype(np.int64)
    mixed = rng.permutation(400)
    found = steps(Intake(KEY), nonce[mixed], sealed[mixed], group[mixed])
    for name in STEPS:
        np.testing.assert_array_equal(found[name], whole[name].to_numpy()[mixed])
    assert whole[STEPS[0]].notna().sum() > 200
    assert whole[STEPS[0]].nunique() > 1


def test_sealed_codes_are_noise_to_another_key_and_never_the_same_twice() -> None:
    """Bits of 1,000 x 2 sealed numbers of one same card: each bit's share stays within 5 sigma of a half."""
    frame = cards(np.random.default_rng(6), 1)
    frame = frame.loc[np.zeros(1_000, int)].reset_index(drop=True)
    _, sealed = seal(Intake(KEY), frame)
    assert len(np.unique(sealed)) == sealed.size
    bits = np.unpackbits(np.ascontiguousarray(sealed).view(np.uint8).reshape(1_000, 16), axis=1).mean(axis=0)
    assert np.abs(bits - 0.5).max() < 5 * 0.5 / np.sqrt(1_000)


def test_no_rows_give_no_facts() -> None:
    nonce, sealed = seal(Intake(KEY), cards(np.random.default_rng(7), 0))
    assert sealed.shape == (0, 2)
    assert all(not len(fact) for fact in steps(Intake(KEY), nonce, sealed, np.zeros(0, np.int64)).values())
