"""Pasted batch text: one ``number secret`` a line, one kind and face value for all.

Correct when every line becomes one card, in order, and a line that cannot be told apart says so instead of guessing.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, Final

from cardrisk.codes.hints import Hint, Hints, Language, check, kind_of
from cardrisk.codes.normalise import LONGEST_TEXT, normalise
from cardrisk.codes.sealed import Secret
from cardrisk.errors import InputError
from cardrisk.kinds import KINDS, CardKind
from cardrisk.tables.batchtext import is_heading

MOST_LINES: Final = 1_000
"""Cards a batch text may hold [pub]."""
_SECRET_LABEL: Final = re.compile(
    r"(?:卡密|密码|密碼|充值码|兑换码)\s*[:=]?|\b(?:CARD SECRET|SECRET|PASSWORD|PIN|CODE)\s*[:=]", re.IGNORECASE
)
_GAP: Final = re.compile(r"[\s,;|/、，；]+")
_GROUPED: Final = re.compile(r"-+")


def read_batch(
    lines: str | Iterable[str],
    *,
    kind: str | None = None,
    face_value: float | None = None,
    kinds: Mapping[str, CardKind] = KINDS,
) -> list[dict[str, Any]]:
    """Read pasted text into cards.

    Parameters
    ----------
    lines
        The text, or its lines. One card a line: number and secret with a space, tab, comma, semicolon, slash or bar
        between, or labelled; empty lines and a heading line are skipped. At most 1,000 cards.
    kind
        Card kind of all, by name, title or another word that tables may have; its shape tells number and secret apart
        where the line alone does not.
    face_value
        Yuan, of all.
    kinds
        Card kinds by name.

    Returns
    -------
    list of dict
        ``card_no``, ``card_secret`` (:class:`Secret` or ``None``), ``card_kind``, ``face_value``; one per card.
        A line that is only one code has it in ``card_no``, or in ``card_secret`` for kinds without a number.

    Raises
    ------
    InputError
        No text, more than 1,000 cards, or ``kind`` is not a known one.
    """
    lines, known = _lines(lines), _kind(kind, kinds)
    cards: list[dict[str, Any]] = []
    for line, holds in zip(lines, _hold_cards(lines), strict=True):
        if not holds:
            continue
        if len(cards) == MOST_LINES:
            raise InputError(f"batch text: expected at most {MOST_LINES} cards, got more; hand it in as a table")
        number, secret = _line(line, known)
        cards.append(
            {
                "card_no": None if number is None else Secret(number),
                "card_secret": None if secret is None else Secret(secret),
                "card_kind": kind if known is None else known.name,
                "face_value": face_value,
            }
        )
    return cards


def check_text(
    lines: str | Iterable[str],
    *,
    kind: str | None = None,
    doubt: bool = False,
    language: Language = "en",
    kinds: Mapping[str, CardKind] = KINDS,
) -> list[Hints]:
    """Ask what can be looked at again in pasted text; see :func:`read_batch` and :func:`cardrisk.codes.check`.

    Returns
    -------
    list of Hints
        One per line given, empty lines and a heading included.

    Raises
    ------
    InputError
        More than 1,000 cards, or an unknown kind or language.
    """
    given = _lines(lines)
    cards = iter(read_batch(given, kind=kind, kinds=kinds))
    return [
        check(next(cards), doubt=doubt, language=language, kinds=kinds) if holds else Hints((), language)
        for holds in _hold_cards(given)
    ]


def _lines(lines: str | Iterable[str]) -> list[str]:
    if isinstance(lines, str):
        return lines.splitlines()
    given = list(lines) if isinstance(lines, Iterable) else None
    if given is None or not all(isinstance(line, str) for line in given):
        raise InputError("batch text: expected a text or its lines; decode bytes first")
    return given


def _hold_cards(lines: list[str]) -> list[bool]:
    """Tell of each line whether it holds a card: neither empty nor, coming first, a heading."""
    holds = [bool(line.strip()) for line in lines]
    if True in holds and is_heading(lines[holds.index(True)]):
        holds[holds.index(True)] = False
    return holds


def _kind(name: str | None, kinds: Mapping[str, CardKind]) -> CardKind | None:
    if name is None:
        return None
    known = kind_of(name, kinds) if isinstance(name, str) else None
    if known is None:
        raise InputError(f"kind: expected one of {', '.join(kinds)}, got {str(name)[:40]!r}")
    return known


def _line(line: str, kind: CardKind | None) -> tuple[str | None, str | None]:
    """Tell number and secret of one line apart: by label, by the only two parts, by the kind's lengths."""
    if len(line) > LONGEST_TEXT:
        return line, None
    plain = unicodedata.normalize("NFKC", line).strip()
    labelled = _SECRET_LABEL.search(plain)
    if labelled:
        return plain[: labelled.start()].strip() or None, plain[labelled.end() :].strip() or None
    parts = [part for part in _GAP.split(plain) if normalise(part)[0]]
    if (
        kind is not None
        and kind.number is None
        and kind.secret is not None
        and (len(parts) == 1 or _is_secret(parts, kind))
    ):
        return None, plain
    if len(parts) == 2:
        return parts[0], parts[1]
    cut = _cut([len(normalise(part)[0]) for part in parts], kind)
    return (" ".join(parts[:cut]), " ".join(parts[cut:])) if cut else (plain, None)


def _is_secret(parts: list[str], kind: CardKind) -> bool:
    return kind.secret is not None and sum(len(normalise(part)[0]) for part in parts) in kind.secret.lengths


def _cut(sizes: list[int], kind: CardKind | None) -> int:
    """Return after how many parts the number ends, where the kind's lengths allow exactly one answer; else 0."""
    if kind is None or kind.number is None or kind.secret is None:
        return 0
    total = sum(sizes)
    cuts = [
        at
        for at, size in enumerate(accumulate(sizes), start=1)
        if size in kind.number.lengths and total - size in kind.secret.lengths
    ]
    return cuts[0] if len(cuts) == 1 else 0


__all__ = ["MOST_LINES", "Hint", "check_text", "read_batch"]
