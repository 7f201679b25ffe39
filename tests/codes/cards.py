"""Made-up cards for the tests of the intake boundary: every kind, clean and spoilt, nothing real."""

import numpy as np
import pandas as pd

from cardrisk.kinds import KINDS, Shape

KEY = b"a key for tests alone, 32 bytes or more"
NEXT_KEY = b"another key for tests alone, 32 bytes +"
ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIRT = ["-", " ", "?", "*", "O", "l", "l", "０", "\u200b", "9", "", "", "A", "z", "_", "\u202e", "：", "é"]


def code_of(rng: np.random.Generator, shape: Shape | None) -> str | None:
    """A uniform code of ``shape``; of any length and alphabet where there is none, sometimes unknown."""
    if shape is None:
        if rng.random() < 0.5:
            return None
        shape = Shape((int(rng.integers(1, 30)),), "alnum" if rng.random() < 0.5 else "digits")
    length = int(rng.choice(shape.lengths))
    digits = shape.alphabet == "digits" or shape.letters_first
    code = "".join(rng.choice(list(ALNUM[:10] if digits else ALNUM), length))
    head = "".join(rng.choice(list(ALNUM[10:]), shape.letters_first))
    return head + code[shape.letters_first :]


def uniform(rng: np.random.Generator, count: int, length: int, alphabet: str) -> list[str]:
    """``count`` codes of ``length`` characters drawn uniformly from ``alphabet``."""
    drawn = np.frombuffer(alphabet.encode(), np.uint8)[rng.integers(len(alphabet), size=(count, length))]
    return [row.tobytes().decode() for row in drawn]


def spoilt(rng: np.random.Generator, code: str | None) -> str | None:
    """``code`` with a few characters put in, left out or written over; sometimes a run or a repeat."""
    if code is None or rng.random() < 0.02:
        return None
    if rng.random() < 0.05:
        return str(rng.choice(["", " ", "111111111111", "12" * int(rng.integers(1, 20)), "9876543210", code * 3]))
    characters = list(code)
    for _ in range(int(rng.integers(0, 4))):
        at = int(rng.integers(0, len(characters) + 1))
        characters[at : at + int(rng.integers(0, 3))] = [str(rng.choice(DIRT))]
    return "".join(characters)


def random_cards(count: int, seed: int) -> pd.DataFrame:
    """``count`` submissions with codes, in batches of up to a dozen; most codes are spoilt somehow."""
    rng = np.random.default_rng(seed)
    names = [*KINDS, "weird", None]
    rows = []
    for row in range(count):
        kind = names[int(rng.integers(len(names)))]
        shapes = (KINDS[kind].number, KINDS[kind].secret) if kind in KINDS else (None, None)
        number, secret = (spoilt(rng, code_of(rng, shape)) for shape in shapes)
        if rng.random() < 0.05 and number and secret:
            number, secret = [(secret, number), (number + secret, None), (number, number)][int(rng.integers(3))]
        rows.append(
            {
                "submission_id": f"s{row}",
                "submitted_at": pd.Timestamp("2026-01-05", tz="UTC") + pd.Timedelta(minutes=row // 12),
                "batch_id": None if rng.random() < 0.1 else f"b{row // 12}",
                "card_kind": kind,
                "card_no": number,
                "card_secret": secret,
                "client_ip": rng.choice(["192.0.2.7", "2001:db8::1", "2001:DB8::2", "::ffff:192.0.2.7", "x", None]),
                "device_id": rng.choice(["dev-1", "DEV-1 ", None, ""]),
            }
        )
    return pd.DataFrame(rows, index=pd.RangeIndex(100, 100 + count))
