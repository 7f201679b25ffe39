"""Facts about codes handed in together, when the cards of one request are taken in by several processes.

Correct when the facts equal those of one process that takes in all the cards, and what travels between the
processes says nothing to anybody without the token key.

Each card's two codes leave their process sealed: as whole numbers under a pad of their own, HMAC-SHA-256 of sixteen
random bytes under the token key. The process that has all the cards of a request opens them, looks at the steps
between them and forgets them.
"""

import os
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cardrisk.codes import _pairing
from cardrisk.codes._anomalies import NULL
from cardrisk.codes._clean import clean
from cardrisk.codes._progression import QUARTERS, _progression, _values
from cardrisk.codes.anomalies import NAMES, PER_CARD
from cardrisk.codes.boundary import guarded
from cardrisk.codes.gate import Intake
from cardrisk.codes.sealed import Codes, Texts
from cardrisk.codes.tokens import TOKEN_BYTES
from cardrisk.codes.values import columns_of

STEPS: Final = tuple(NAMES[PER_CARD:])
"""The facts: how alike the steps between the numbers, and between the secrets, of a request are."""
_FIELD: Final = "sealed steps"


@guarded
def seal(intake: Intake, submissions: pd.DataFrame) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Seal what the facts need of each card's codes.

    Parameters
    ----------
    intake
        The boundary, with a token key.
    submissions
        Valid submissions, n rows, codes in them.

    Returns
    -------
    nonce, sealed
        Bytes (n, 16) and whole numbers (n, 2); only a process with the same key can read them.

    Raises
    ------
    InputError
        The frame cannot be read; the message withholds its values.
    """
    names, kinds = intake._kind_rows(columns_of(submissions, "card_kind"))
    rows = np.array([intake._rows.get(name, -1) for name in names], np.int32)[kinds]
    number, secret = (clean(Texts.arrow(columns_of(submissions, name))) for name in ("card_no", "card_secret"))
    secret = _pairing.split(number, secret, rows, intake._table)
    values = np.empty((2, len(submissions)), np.int64)
    try:
        for codes, out in zip((number, secret), values, strict=True):
            _values(codes.data, codes.start, codes.stop, out)
    finally:
        number.wipe()
        secret.wipe()
    nonce = np.frombuffer(os.urandom(TOKEN_BYTES * len(submissions)), np.uint8).reshape(-1, TOKEN_BYTES)
    return nonce, values.T ^ _pads(intake, nonce)


@guarded
def steps(
    intake: Intake, nonce: NDArray[np.uint8], sealed: NDArray[np.int64], group: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Open what :func:`seal` sealed and give the facts.

    Parameters
    ----------
    intake
        The boundary, with the same token key.
    nonce, sealed
        As :func:`seal` gave them, n cards from any number of processes.
    group : int64 array of n
        Equal for cards handed in together; -1 for a card alone.

    Returns
    -------
    dict
        A float32 column of n per name in :data:`STEPS`, null where there are no two steps.

    Raises
    ------
    InputError
        The values cannot be read; the message withholds them.
    """
    values = sealed ^ _pads(intake, nonce)
    order = np.argsort(group, kind="stable")
    found: dict[str, NDArray[Any]] = {}
    for name, column in zip(STEPS, values.T, strict=True):
        out = np.full(group.size, NULL, np.int8)
        _progression(np.ascontiguousarray(column), group, order, out)
        number = out.astype(np.float32)
        number[out == NULL] = np.nan
        found[name] = number / np.float32(QUARTERS)
    values.fill(0)
    return found


def _pads(intake: Intake, nonce: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Two whole numbers per card that only the key gives."""
    size = np.arange(len(nonce) + 1, dtype=np.int64) * TOKEN_BYTES
    data = np.array(nonce, np.uint8).reshape(-1)
    codes = Codes(data if data.size else np.zeros(1, np.uint8), size[:-1], size[1:], np.zeros(0, np.uint8))
    digests = intake._hashers[""].digests(codes, _FIELD, [""], np.zeros(len(nonce), np.int32))
    pads: NDArray[np.int64] = digests.view(np.int64).reshape(-1, 2)
    return pads
