"""``model.json``: what a bundle says about its trees, written and read strictly.

Correctness: ``parse(dump(card))`` equals the card; text that is not exactly of this form raises ``BundleError``,
whatever it holds, and makes nothing but plain values.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from cardrisk.errors import BundleError
from cardrisk.facts import CAUSES
from cardrisk.risk.calibrate import Calibration
from cardrisk.risk.causes import CauseShares
from cardrisk.risk.encode import Columns

MAX_BYTES: Final = 1 << 21
MAX_DEPTH: Final = 12
MAX_VALUES: Final = 60_000
"""Most commas, colons and brackets: a card of 250 features has 3,000. Python objects are many times the size of the few
bytes that name them, so their number is bounded before a parser makes any."""

_ALL_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True)
class ModelCard:
    """Everything of a model but its trees.

    Attributes
    ----------
    columns
        The trees' input.
    needed
        Features that must be given at scoring: those the trees split on and those that name a group.
    digests
        Digest of the definition of each needed feature; empty for features that are not declared here.
    groups
        Categorical features whose values together name the calibration group.
    calibration, shares
        What turns raw scores into probabilities.
    about
        Plain facts: training window, data digest, counts, settings, versions, metrics.
    """

    columns: Columns
    needed: tuple[str, ...]
    digests: Mapping[str, str]
    groups: tuple[str, ...]
    calibration: Calibration
    shares: CauseShares
    about: Mapping[str, Any] = field(default_factory=dict)


def dump(card: ModelCard) -> bytes:
    """Write a card as JSON; equal cards give equal bytes. NaN becomes null."""
    shares = card.shares
    body = {
        "features": list(card.columns.names),
        "categories": {name: list(values) for name, values in card.columns.categories.items()},
        "dropped": list(card.columns.dropped),
        "needed": list(card.needed),
        "digests": dict(card.digests),
        "groups": list(card.groups),
        "calibration": {
            "a": card.calibration.a,
            "b": card.calibration.b,
            "c": card.calibration.c,
            "groups": {name: list(pair) for name, pair in card.calibration.groups.items()},
        },
        "causes": {
            "classes": [CAUSES[place] for place in shares.classes],
            "rest": dict(zip(CAUSES, shares.rest, strict=True)),
            "rest_weight": shares.rest_weight,
            "temperature": shares.temperature,
            "known": shares.known,
        },
        "about": _plain(card.about),
    }
    text = json.dumps(body, ensure_ascii=True, allow_nan=False, indent=1, sort_keys=True)
    return (text + "\n").encode("ascii")


def parse(content: bytes) -> ModelCard:
    """Read a card.

    Raises
    ------
    BundleError
        If the text is not JSON of the form that `dump` writes, or its parts contradict each other.
    """
    body = _json(content)
    try:
        return _card(body)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        if isinstance(error, BundleError):
            raise
        _refuse(f"a part is missing or of the wrong type ({type(error).__name__})")


def _card(body: dict[str, Any]) -> ModelCard:
    names = _names(body["features"], "features")
    categories = {name: _names(values, "categories") for name, values in body["categories"].items()}
    needed, groups = _names(body["needed"], "needed"), _names(body["groups"], "groups")
    digests = {name: _text(value, "digests") for name, value in body["digests"].items()}
    if not names or not set(needed) <= set(names) or not set(digests) <= set(needed):
        _refuse("needed features must be among the features, and digests among the needed")
    if not set(categories) <= set(names) or not set(groups) <= set(categories) & set(needed):
        _refuse("categories must belong to features, and groups to needed categories")
    columns = Columns(names, categories, _names(body["dropped"], "dropped"))
    shares, calibration = _shares(body["causes"]), _calibration(body["calibration"])
    return ModelCard(columns, needed, digests, groups, calibration, shares, dict(body["about"]))


def _calibration(part: dict[str, Any]) -> Calibration:
    a, b, c = (_number(part[name], name, -100.0, 100.0) for name in "abc")
    if a <= 0 or b <= 0:
        _refuse("calibration slopes must be above 0")
    groups = {}
    for name, (slope, offset) in part["groups"].items():
        groups[name] = (_number(slope, "slope", -10.0, 10.0), _number(offset, "offset", -50.0, 50.0))
    return Calibration(a, b, c, groups)


def _shares(part: dict[str, Any]) -> CauseShares:
    place = {cause: number for number, cause in enumerate(CAUSES)}
    classes = _names(part["classes"], "classes")
    rest = {cause: _number(share, "rest", 0.0, 1.0) for cause, share in part["rest"].items()}
    unknown = sorted({*classes, *rest} - set(place))
    if unknown:
        _refuse(f"unknown causes {[name[:20] for name in unknown[:3]]}; update cardrisk")
    if abs(sum(rest.values()) - 1.0) > 1e-6 or not isinstance(part["known"], bool) or len(classes) == 1:
        _refuse("shares of causes must sum to 1")
    weight = _number(part["rest_weight"], "rest_weight", 0.0, 1.0)
    temperature = _number(part["temperature"], "temperature", 0.01, 100.0)
    ordered = tuple(rest.get(cause, 0.0) for cause in CAUSES)
    return CauseShares(tuple(place[name] for name in classes), ordered, weight, temperature, part["known"])


def _json(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_BYTES:
        _refuse(f"expected at most {MAX_BYTES} bytes, got {len(content)}")
    _check_shape(content)
    try:
        body = json.loads(
            content.decode("ascii"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_small_int
        )
    except (ValueError, RecursionError) as error:
        if isinstance(error, BundleError):
            raise
        _refuse("not valid JSON")
    if not isinstance(body, dict):
        _refuse("expected an object")
    return body


def _check_shape(content: bytes) -> None:
    """Refuse deep or wide nesting before a parser sees it; text inside strings only counts too much."""
    if sum(content.count(mark) for mark in (b",", b":", b"[", b"{")) > MAX_VALUES:
        _refuse(f"expected at most {MAX_VALUES} values")
    depth = 0
    for byte in content.translate(None, _ALL_BUT_BRACKETS):
        depth = depth + 1 if byte in b"[{" else max(depth - 1, 0)
        if depth > MAX_DEPTH:
            _refuse(f"expected at most {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("a key stands twice")
    return found


def _no_constant(text: str) -> NoReturn:
    _refuse(f"{text} is not a number")


def _small_int(text: str) -> int:
    if len(text) > 20:
        _refuse("a whole number has more than 20 digits")
    return int(text)


def _names(values: Any, where: str) -> tuple[str, ...]:
    if not isinstance(values, list) or len(set(values)) != len(values):
        _refuse(f"expected a list of distinct names in {where}")
    return tuple(_text(value, where) for value in values)


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value) > 500:
        _refuse(f"expected text in {where}, got {type(value).__name__}")
    return value


def _number(value: Any, where: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        _refuse(f"expected a number in [{low}, {high}] for {where}")
    return float(value)


def _plain(value: Any) -> Any:
    """Plain JSON values; numbers of NumPy become Python's, NaN becomes null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (bool, str)) or value is None:
        return value
    unwrap: Callable[[], Any] | None = getattr(value, "item", None)
    number = unwrap() if unwrap else value
    if isinstance(number, float):
        return number if math.isfinite(number) else None
    return number if isinstance(number, int) else str(number)


def _refuse(why: str) -> NoReturn:
    raise BundleError(f"model.json is not a model card of this library: {why}; train and save the model again")
