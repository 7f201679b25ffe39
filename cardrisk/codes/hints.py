"""What a submitter can look at again, as questions about positions; never what the right code would be.

Correct when a hint follows from the card in hand and its kind's published shape alone - not from any other card,
not from whether this one was seen before - and names at most one character's look-alikes at a position.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from cardrisk.codes._one import OneCard, read_one
from cardrisk.codes.boundary import guarded
from cardrisk.codes.lookalikes import DIGITS, LETTERS, misread_weight, partners, readings
from cardrisk.codes.normalise import OVERSIZED
from cardrisk.codes.shapes import FIELDS, LONGEST_KIND, fits, kinds_of_shape, shape_table
from cardrisk.codes.values import as_text
from cardrisk.errors import InputError
from cardrisk.kinds import KINDS, CardKind, Shape, find
from cardrisk.tables.contracts import SUBMISSIONS, kind_meant
from cardrisk.tables.headers import known_header

Language = Literal["en", "zh"]
MOST: Final = 5
"""Hints for one card: more would be a search list, and nobody reads them."""
_ASKED: Final = ("card_no", "card_secret", "card_kind")
_FAR: Final = 3
"""Characters: a length further off than a scratch or a cut-off paste makes it speaks of another kind."""
_TITLES: Final = {"en": {"number": "card number", "secret": "secret"}, "zh": {"number": "卡号", "secret": "卡密"}}

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "unreadable": (
        "position {at} of the {field} cannot be read: what stands there?",
        "{field}第{at}位看不清：是什么字符？",
    ),
    "lookalike": ("position {at} of the {field}: {one} or {other}?", "{field}第{at}位：是{other}还是{one}？"),
    "letter": (
        "position {at} of the {field} is a letter, this kind has digits there: what does the card say?",
        "{field}第{at}位是字母，这种卡此处应为数字：卡上写的是什么？",
    ),
    "digit": (
        "position {at} of the {field} is a digit, this kind has letters there: what does the card say?",
        "{field}第{at}位是数字，这种卡此处应为字母：卡上写的是什么？",
    ),
    "short": (
        "the {field} is {count} short: was anything left out or scratched?",
        "{field}少了{count}位：是否漏输或刮花？",
    ),
    "long": ("the {field} is {count} too long: was anything typed twice?", "{field}多了{count}位：是否重复输入？"),
    "doubled": (
        "positions {at} and {next} of the {field} are the same: does the card have that character twice?",
        "{field}第{at}、{next}位相同：卡上是两个一样的字符吗？",
    ),
    "swapped": ("are the card number and the secret swapped?", "卡号和卡密是否填反了？"),
    "equal": ("the same code stands in both fields: was it pasted twice?", "卡号与卡密内容相同：是否粘贴了两次？"),
    "kind": ("these codes have another kind's shape: is it really a {kind}?", "这组卡号卡密不像{kind}：卡种选对了吗？"),
    "oversized": (
        "the {field} holds far more than a code: paste the code alone",
        "{field}内容过长：请只粘贴卡号或卡密本身",
    ),
    "missing": ("the {field} is missing", "缺少{field}"),
    "again": (
        "position {at} of the {field}: {one} or {other}? please look again",
        "请再看一次{field}第{at}位：是{one}还是{other}？",
    ),
    "look": ("position {at} of the {field}: please look again", "请再看一次{field}第{at}位"),
}


@dataclass(frozen=True, slots=True)
class Hint:
    """One question to the submitter.

    Attributes
    ----------
    rule
        What gave rise to it: a key of the module's texts.
    field
        ``"number"``, ``"secret"`` or ``"both"``.
    positions
        1-based places in the field, spaces and hyphens not counted; empty where the place is not known.
    en, zh
        The question in English and Chinese.
    """

    rule: str
    field: str
    positions: tuple[int, ...]
    en: str
    zh: str


class Hints(Sequence[str]):
    """The questions about one card, in one language; empty (false) when there is nothing to ask.

    Attributes
    ----------
    hints : tuple of Hint
        At most five, the surest first.
    language
        ``"en"`` or ``"zh"``.
    """

    def __init__(self, hints: Sequence[Hint] = (), language: Language = "en") -> None:
        self.hints, self.language = tuple(hints[:MOST]), language

    def __getitem__(self, index: Any) -> Any:
        texts = [getattr(hint, self.language) for hint in self.hints]
        return texts[index]

    def __len__(self) -> int:
        return len(self.hints)

    def __iter__(self) -> Iterator[str]:
        return (getattr(hint, self.language) for hint in self.hints)

    def __repr__(self) -> str:
        return f"Hints({list(self)!r})"


def check(
    card: Mapping[str, Any],
    *,
    doubt: bool = False,
    language: Language = "en",
    kinds: Mapping[str, CardKind] = KINDS,
) -> Hints:
    """Ask what the submitter of a card can look at again.

    Parameters
    ----------
    card
        ``card_no``, ``card_secret`` and ``card_kind``, by these names or others that tables may have, each as typed
        or pasted; other columns are ignored, ``None`` means not known.
    doubt
        The card was refused, or a mistyped code is suspected: where nothing breaks the shape, ask about the
        positions that are misread most often. A hint of this sort is a guess.
    language
        ``"en"`` or ``"zh"``.
    kinds
        Card kinds by name.

    Returns
    -------
    Hints
        At most five questions. Empty where nothing breaks the kind's shape: it does not mean the card is good.

    Raises
    ------
    InputError
        ``card`` is not a mapping, or the language is unknown.
    """
    if not isinstance(card, Mapping):
        raise InputError(f"card: expected a mapping of column to value, got {type(card).__name__}")
    if not isinstance(language, str) or language not in _TITLES:
        raise InputError(f"language: expected one of {tuple(_TITLES)}, got {language!r}")
    return Hints(_check(card, doubt, kinds), language)


@guarded
def _check(card: Mapping[str, Any], doubt: bool, kinds: Mapping[str, CardKind]) -> list[Hint]:
    card = _named(card)
    name = as_text(card.get("card_kind"))
    kind = None if name is None else kind_of(name[:LONGEST_KIND], kinds)
    codes = read_one(card, kind.name if kind else "", 0 if kind else -1, shape_table([kind] if kind else []))
    found = [*_whole_card(codes, kind, kinds)]
    if not any(hint.rule in ("swapped", "kind", "equal") for hint in found):
        for field, code in zip(FIELDS, _codes(codes), strict=True):
            found += _field(field, code, getattr(kind, field) if kind else None)
    return found or (_doubtful(codes, kind) if doubt else [])


def _named(card: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is asked for by its column's name; a column's own name beats others for it."""
    if all(name in card for name in _ASKED):
        return card
    meant = {known_header(label, SUBMISSIONS): value for label, value in card.items()}
    return {name: card[name] if name in card else meant.get(name) for name in _ASKED}


def kind_of(word: str, kinds: Mapping[str, CardKind]) -> CardKind | None:
    """Return the kind that a name, a title or an export's word for it means; None where it means none of these."""
    return find(word, kinds) or find(kind_meant(word), kinds)


def _codes(codes: OneCard) -> tuple[str, str]:
    return codes.number.decode("ascii"), codes.secret.decode("ascii")


def _whole_card(codes: OneCard, kind: CardKind | None, kinds: Mapping[str, CardKind]) -> Iterator[Hint]:
    number, secret = _codes(codes)
    if codes.flags & OVERSIZED:
        yield _hint("oversized", "number" if not number else "secret")
    if (
        number
        and secret
        and (number == secret or (min(len(number), len(secret)) > 5 and (number in secret or secret in number)))
    ):
        yield _hint("equal", "both")
        return
    if kind is None:
        return
    for field, code, other in (("number", number, secret), ("secret", secret, number)):
        if not code and other and getattr(kind, field) is not None and not codes.flags & OVERSIZED:
            yield _hint("missing", field)
    if not (number and secret):
        return
    own = {kind.name: kind}
    if kinds_of_shape(number, secret, own) or (kind.number is None and kind.secret is None):
        return
    if kinds_of_shape(secret, number, own):
        yield _hint("swapped", "both")
    elif kinds_of_shape(number, secret, kinds) and not _slip(kind, number, secret):
        yield _hint("kind", "both", kind=kind)


def _slip(kind: CardKind, number: str, secret: str) -> bool:
    """Tell whether the codes are nearly the declared kind's: one field fits and the other's length is not far off."""
    shaped = [(code, shape) for code, shape in ((number, kind.number), (secret, kind.secret)) if shape is not None]
    near = all(min(abs(len(code) - length) for length in shape.lengths) <= _FAR for code, shape in shaped)
    return near and (len(shaped) == 1 or any(fits(code, shape) for code, shape in shaped))


def _field(field: str, code: str, shape: Shape | None) -> Iterator[Hint]:
    if not code:
        return
    for at, character in enumerate(code):
        allowed = _allowed(shape, at)
        if character == "?":
            yield _hint("unreadable", field, at + 1)
        elif shape is not None and character not in allowed:
            likely = readings(character, allowed)
            if likely:
                yield _hint("lookalike", field, at + 1, one=character, other=likely[0])
            else:
                yield _hint("letter" if character in LETTERS else "digit", field, at + 1)
    if shape is not None and len(code) not in shape.lengths:
        yield from _length(field, code, shape)


def _allowed(shape: Shape | None, at: int) -> str:
    if shape is None or (shape.alphabet == "alnum" and not shape.letters_first):
        return DIGITS + LETTERS
    return LETTERS if at < shape.letters_first else DIGITS


def _length(field: str, code: str, shape: Shape) -> Iterator[Hint]:
    off = min((len(code) - length for length in shape.lengths), key=lambda n: (abs(n), n < 0))
    if off < 0:
        yield _hint("short", field, count=-off)
        return
    yield _hint("long", field, count=off)
    if off == 1:
        for at in range(1, len(code)):
            if code[at] == code[at - 1]:
                yield _hint("doubled", field, at, at + 1)


def _doubtful(codes: OneCard, kind: CardKind | None) -> list[Hint]:
    """Ask about the positions whose character is most often a misreading, the surest first."""
    ranked: list[tuple[float, int, str, int, str, str]] = []
    for field, code in zip(FIELDS, _codes(codes), strict=True):
        shape = getattr(kind, field) if kind else None
        for at, character in enumerate(code):
            allowed = DIGITS if shape is None and code.isdigit() else _allowed(shape, at)
            ranked.append((-misread_weight(character, allowed), len(ranked), field, at + 1, character, allowed))
    found = []
    for _, _, field, at, character, allowed in sorted(ranked)[:MOST]:
        other = next((c for c in partners(character) if c in allowed), "")
        found.append(_hint("again" if other else "look", field, at, one=character, other=other))
    return found


def _hint(
    rule: str, field: str, *positions: int, one: str = "", other: str = "", count: int = 0, kind: CardKind | None = None
) -> Hint:
    def text(language: int) -> str:
        titles = _TITLES["zh" if language else "en"]
        return _TEXTS[rule][language].format(
            field=titles.get(field, field),
            at=positions[0] if positions else "",
            next=positions[-1] if positions else "",
            one=one,
            other=other,
            count=count if language else f"{count} character{'s' * (count != 1)}",
            kind="" if kind is None else kind.title_zh if language else kind.title_en,
        )

    return Hint(rule, field, positions, text(0), text(1))
