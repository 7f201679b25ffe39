"""Which column a header means.

Correct means: a header is recognised by its words alone, two headers never feed one column silently, and no
header that might be a code is ever shown.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cache
from typing import Any

from cardrisk.errors import InputError, MissingColumnError
from cardrisk.tables.contracts import Contract
from cardrisk.tables.numbers import Number
from cardrisk.tables.times import zone_of

_ZONE = re.compile(
    r"\((?:(?P<china>北京时间|中国时间|中国标准时间)|utc|gmt"
    r"|(?:utc|gmt)? ?(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>[0-5]\d))?)\)$"
)
_POINTS = "(分)"
"""Points behind a score; behind an amount the same word means cents, which no column takes."""
_UNIT = re.compile(r"\((?:元|yuan|rmb|cny|utc|必填|选填)?\)$|[*:]+$")


def folded_header(label: object) -> str:
    """Give a header without case, width, blanks, underscores, hyphens and a unit in brackets."""
    if not isinstance(label, str) or len(label) > 200:
        return ""
    text = _ZONE.sub("", unicodedata.normalize("NFKC", label).strip().casefold())
    text = "".join(c for c in text if c not in " _-./\\\t\r\n\"'" and c.isprintable())
    return _UNIT.sub("", text)


def zone_of_header(label: str) -> tzinfo | None:
    """Give the zone that a header names in brackets, as in ``提交时间(北京时间)`` or ``submitted at (UTC+8)``."""
    match = _ZONE.search(unicodedata.normalize("NFKC", label).strip().casefold())
    if match is None:
        return None
    if match["china"]:
        return zone_of("Asia/Shanghai")
    if match["hours"] is None:
        return UTC
    return zone_of(f"{match['sign']}{int(match['hours']):02d}:{match['minutes'] or '00'}")


def shown_header(label: object) -> str:
    """Give a header as it may be shown: a header that could be a code is told by its length only."""
    text = unicodedata.normalize("NFKC", str(label))
    bare = re.sub(r"[\W_]", "", text)
    risky = re.search(r"\d{4}", bare) or (re.search(r"\d", bare) and re.search(r"[0-9A-Za-z]{8}", bare))
    if risky or len(bare) > 30 or re.search(r"[A-Z]{12}", bare) or not text.isprintable():
        return f"<{len(text)} characters>"
    return text


@cache
def _words(contract: Contract) -> dict[str, str]:
    words = {folded_header(column.name): column.name for column in contract.columns}
    for column in contract.columns:
        for alias in column.aliases.split():
            if words.setdefault(folded_header(alias), column.name) != column.name:
                raise AssertionError(f"{alias!r} stands for two columns of {contract.name}")
    scores = {column.name for column in contract.columns if isinstance(column.reader, Number)}
    return words | {word + _POINTS: name for word, name in words.items() if name in scores}


def known_header(label: object, contract: Contract) -> str | None:
    """Give the column of a contract that a header means, or None."""
    return _words(contract).get(folded_header(label))


@dataclass(frozen=True, slots=True)
class Headers:
    """What the headers of one table mean.

    Attributes
    ----------
    positions
        Canonical name to position of its column, in contract order.
    aliases
        Header to canonical name, where they differ.
    ignored
        Headers kept out, as they may be shown.
    zones
        Canonical name to the zone that its header names.
    zone
        The zone, if all headers that name one name the same: a zone given once holds for the table.
    """

    positions: dict[str, int]
    aliases: dict[str, str]
    ignored: list[str]
    zones: dict[str, tzinfo]
    zone: tzinfo | None


def match_headers(labels: Sequence[Any], contract: Contract, *, complete: bool = True) -> Headers:
    """Find the columns of a contract among a table's headers.

    A canonical name beats aliases of it, which are then kept out and reported.

    Raises
    ------
    InputError
        Two headers mean the same column.
    MissingColumnError
        A required column, or every entity column, is not there.
    """
    words = _words(contract)
    found: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        if name := words.get(folded_header(label)):
            found.setdefault(name, []).append(position)
    chosen = {name: _only(name, found[name], labels) for name in contract.names if name in found}
    kept = set(chosen.values())
    ignored = [shown_header(label) for position, label in enumerate(labels) if position not in kept]
    if complete:
        _complete(chosen, ignored, contract)
    aliases = {str(labels[p]): name for name, p in chosen.items() if labels[p] != name}
    zones = {name: zone for name in aliases.values() if (zone := zone_of_header(str(labels[chosen[name]])))}
    only = set(zones.values())
    return Headers(chosen, aliases, ignored, zones, only.pop() if len(only) == 1 else None)


def _only(name: str, positions: list[int], labels: Sequence[Any]) -> int:
    if len(positions) == 1:
        return positions[0]
    exact = [p for p in positions if labels[p] == name]
    if len(exact) == 1:
        return exact[0]
    shown = ", ".join(repr(str(labels[p])) for p in positions)
    raise InputError(f"expected one column for {name}, got {len(positions)} ({shown}); rename or drop all but one")


def _complete(chosen: dict[str, int], ignored: list[str], contract: Contract) -> None:
    missing = [name for name in contract.required if name not in chosen]
    if not missing and contract.entities and not any(name in chosen for name in contract.entities):
        missing = ["one of " + "/".join(contract.entities)]
    if not missing:
        return
    if not chosen:
        got = f"{len(ignored)} headers, none of them known; is the first line the header line?"
    else:
        got = "only " + ", ".join(chosen) + (f" and unknown {', '.join(ignored[:8])}" if ignored else "")
    raise MissingColumnError(f"{contract.name}: expected column {', '.join(missing)}; got {got}")
