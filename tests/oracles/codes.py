"""The facts of one card the slow, obvious way: one definition each, over plain text, with exact fractions.

Shares nothing with the library but the kinds, the published look-alike pairs and the normaliser (tested by itself).
"""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise, product
from math import comb

from cardrisk.facts import LOOK_ALIKES
from cardrisk.kinds import CardKind, Shape

DIGITS = "0123456789"
PAIRS = {frozenset(pair) for sort in LOOK_ALIKES.value.values() for pair in sort[1]}


def like(one: str, other: str) -> bool:
    return frozenset((one, other)) in PAIRS


def strays(code: str, shape: Shape | None) -> list[int]:
    if shape is None:
        return []
    wrong = []
    for at, character in enumerate(code):
        letters_only = at < shape.letters_first
        digits_only = shape.alphabet == "digits" or 0 < shape.letters_first <= at
        if (character.isalpha() and digits_only) or (character.isdigit() and letters_only):
            wrong.append(at)
    return wrong


def looks_allowed(character: str) -> bool:
    others = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if character.isdigit() else DIGITS
    everything = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return any(like(character, x) for x in others) or any(
        like(character, between) and like(between, x) for between in everything for x in others
    )


def allowed(number: str, secret: str, kind: CardKind) -> bool | None:
    answers = [
        len(code) in shape.lengths and not strays(code, shape)
        for code, shape in ((number, kind.number), (secret, kind.secret))
        if code and shape
    ]
    return all(answers) if answers else None


def kind_fit(number: str, secret: str, kind: CardKind | None, kinds: Mapping[str, CardKind]) -> str | None:
    if kind is None or allowed(number, secret, kind) is None:
        return None
    if allowed(number, secret, kind):
        return "fits"
    if allowed(secret, number, kind):
        return "swapped"
    fitting = [other for other in kinds.values() if allowed(number, secret, other)]
    if any(other.issuer == kind.issuer for other in fitting):
        return "same_issuer"
    return "other_kind" if fitting else "no_kind"


def length_off(code: str, shape: Shape | None) -> int | None:
    if not code or shape is None:
        return None
    off = min((len(code) - n for n in shape.lengths), key=lambda n: (abs(n), -n))
    if abs(off) <= 3:
        return off
    return 3 if len(code) > max(shape.lengths) else -3


def break_at(fields: list[tuple[str, Shape | None]]) -> str | None:
    if not any(code for code, _ in fields):
        return None
    thirds = set()
    for code, shape in fields:
        for at in {*strays(code, shape), *(i for i, c in enumerate(code) if c == "?")}:
            thirds.add(("head", "middle", "tail")[3 * at // len(code)])
    return "none" if not thirds else thirds.pop() if len(thirds) == 1 else "several"


def longest(code: str, good: object) -> int:
    """Longest stretch of at least one character all of whose neighbouring pairs step alike, as ``good`` allows."""
    best = 1
    for first in range(len(code)):
        for last in range(first + 2, len(code) + 1):
            part = code[first:last]
            steps = {ord(b) - ord(a) for a, b in pairwise(part)}
            if "?" not in part and len(steps) == 1 and steps <= good:  # type: ignore[operator]
                best = max(best, len(part))
    return min(best, 6)


def periodic(code: str) -> bool:
    return any(all(code[i] == code[i % period] for i in range(len(code))) for period in range(1, len(code) // 2 + 1))


def facts(number: str, secret: str, kind: CardKind | None, kinds: Mapping[str, CardKind]) -> dict[str, object]:
    """The facts of one card but ``code_cleaned`` and ``code_secret_surprise``, from its normalised codes."""
    shapes = (kind.number, kind.secret) if kind else (None, None)
    fields = list(zip((number, secret), shapes, strict=True))
    shaped = any(code and shape for code, shape in fields)
    wrong = [code[at] for code, shape in fields for at in strays(code, shape)]
    known = bool(number or secret)
    short, long = sorted((number, secret), key=len)
    return {
        "code_kind_fit": kind_fit(number, secret, kind, kinds),
        "code_kinds_fitting": min(6, sum(allowed(number, secret, k) is True for k in kinds.values()))
        if known
        else None,
        "code_number_length_off": length_off(number, shapes[0]),
        "code_secret_length_off": length_off(secret, shapes[1]),
        "code_stray": min(3, len(wrong)) if shaped else None,
        "code_lookalike": min(3, sum(map(looks_allowed, wrong))) if shaped else None,
        "code_unreadable": min(3, (number + secret).count("?")) if known else None,
        "code_break_at": break_at(fields),
        "code_fields_equal": (len(short) >= 6 and short in long) if number and secret else None,
        "code_secret_run": longest(secret, {0}) if secret else None,
        "code_secret_sequence": longest(secret, {1, -1}) if secret else None,
        "code_secret_periodic": periodic(secret) if secret else None,
    }


def pairs(code: str) -> int:
    return sum(comb(m, 2) for m in Counter(code).values())


def upper_tail(length: int, alphabet: str) -> dict[int, Fraction]:
    """P(pairs >= c) by writing down every code there is."""
    counts = Counter(pairs("".join(code)) for code in product(alphabet, repeat=length))
    total = len(alphabet) ** length
    return {c: Fraction(sum(n for p, n in counts.items() if p >= c), total) for c in range(comb(length, 2) + 1)}


def progression(values: list[int]) -> float | None:
    """How alike the steps between sorted different values are, in quarters rounded down."""
    ordered = sorted(set(values))
    steps = [b - a for a, b in pairwise(ordered)]
    if len(steps) < 2:
        return None
    return 4 * (max(Counter(steps).values()) - 1) // (len(steps) - 1) / 4
