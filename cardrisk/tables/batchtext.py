"""Batch text: one ``number secret`` a line, as sellers paste it.

Correct means: every line becomes one row; a line that can be split in more than one way, or in none, is
quarantined, never guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from cardrisk._later import pd
from cardrisk.errors import InputError
from cardrisk.kinds import CardKind, find
from cardrisk.tables.cells import Fault
from cardrisk.tables.contracts import SUBMISSIONS, kind_meant
from cardrisk.tables.headers import known_header
from cardrisk.tables.rules import LINE_WITHOUT_SECRET, UNREADABLE_LINE

MOST_LINES: Final = 1_000
"""Lines of one batch text [pub]."""

CODE_COLUMNS: Final = frozenset({"card_no", "card_secret"})

_LABEL: Final = re.compile(
    r"(?:充值)?(?:卡号|序列号|卡密|密码)[:\uff1a]?|\b(?:card )?(?:number|no|secret|pin|password|pwd)\b[ .]*[:\uff1a]",
    re.IGNORECASE,
)
_STRONG: Final = re.compile(r"[\t,;\uff0c\uff1b\uff5c]+|[|]+|-{2,}|\u2014+|[ \u3000]{2,}")


def read_batch(
    text: str,
    *,
    batch_id: str,
    submitted_at: object = None,
    submitter_id: str | None = None,
    card_kind: str | None = None,
    face_value: float | str | None = None,
) -> pd.DataFrame:
    """Give a batch text as a table of submissions.

    Parameters
    ----------
    text
        At most 1,000 lines, blank ones apart; labels (卡号, 卡密) and a heading line are understood.
    batch_id
        Name of the batch; ``submission_id`` is this and the line number.
    submitted_at
        Any time that the contract reads; by default now.
    submitter_id, card_kind, face_value
        Of the whole batch; None is not known. ``face_value`` in yuan.

    Returns
    -------
    pandas.DataFrame
        One row per line. A line that is no pair of codes holds a mark in ``card_no`` that
        `cardrisk.tables.check_submissions` quarantines.

    Raises
    ------
    InputError
        No line, or more than 1,000.
    """
    lines = [(place, line) for place, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if lines and is_heading(lines[0][1]):
        del lines[0]
    if not lines:
        raise InputError("batch text: expected one 'number secret' a line, got no line")
    if len(lines) > MOST_LINES:
        raise InputError(f"batch text: expected at most {MOST_LINES:,} lines, got {len(lines):,}; split it")
    kind = find(kind_meant(card_kind)) if card_kind else None
    pairs = [_pair(line, kind) for _, line in lines]
    columns: dict[str, list[Any]] = {
        "submission_id": [f"{batch_id}-{place:04d}" for place, _ in lines],
        "submitted_at": [datetime.now(UTC) if submitted_at is None else submitted_at] * len(lines),
        "card_kind": [card_kind] * len(lines),
        "batch_id": [batch_id] * len(lines),
        "submitter_id": [submitter_id] * len(lines),
        "entry_method": ["pasted"] * len(lines),
        "card_no": [number for number, _ in pairs],
        "card_secret": [secret for _, secret in pairs],
        "face_value": [face_value] * len(lines),
    }
    return pd.DataFrame({name: _objects(values) for name, values in columns.items()})


def _objects(values: list[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def is_heading(line: str) -> bool:
    """Tell whether a line names the columns (``卡号 卡密``) instead of holding a card."""
    words = [word for word in re.split(r"[\s,;|]+", line) if word]
    return bool(words) and all(known_header(word, SUBMISSIONS) in CODE_COLUMNS for word in words)


def _pair(line: str, kind: CardKind | None) -> tuple[str | Fault | None, str | None]:
    parts = _parts(_LABEL.sub("\t", line).strip())
    if len(parts) == 2:
        return parts[0], parts[1]
    if len(parts) != 1:
        return UNREADABLE_LINE, None
    if kind is not None and kind.number is None and kind.secret is not None:
        return None, parts[0]
    return LINE_WITHOUT_SECRET, None


def _parts(line: str) -> list[str]:
    strong = [part.strip() for part in _STRONG.split(line) if part.strip()]
    return strong[0].split() if len(strong) == 1 else strong
