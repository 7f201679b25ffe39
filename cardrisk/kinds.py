"""Card kinds: what each kind's codes look like and which rules its issuer applies.

Correct when every kind says no more than its source says: a shape nobody published is ``None``, never a guess.

The built-in kinds stand in ``kinds.toml`` beside this module; a platform adds or replaces kinds in a file of its
own, written the same way, and hands it to :func:`load`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from cardrisk.errors import InputError, UnusableFileError

Family = Literal["game", "phone", "ecommerce"]
Alphabet = Literal["digits", "alnum"]

FAMILIES: Final[tuple[str, ...]] = get_args(Family)
ALPHABETS: Final[tuple[str, ...]] = get_args(Alphabet)
LONGEST_CODE: Final = 40
"""Characters: no published card code is longer than 21; a user's kind may go up to here."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a code is written once spaces, hyphens and labels are gone.

    Attributes
    ----------
    lengths
        Every length that occurs, in characters, ascending.
    alphabet
        ``"digits"`` (0-9) or ``"alnum"`` (0-9 and A-Z, case ignored).
    letters_first
        How many leading characters are letters; the rest then are digits (0: no such rule).
    """

    lengths: tuple[int, ...]
    alphabet: Alphabet = "digits"
    letters_first: int = 0

    def __post_init__(self) -> None:
        if not self.lengths or any(not 1 <= n <= LONGEST_CODE for n in self.lengths):
            raise InputError(f"lengths: expected one or more of 1 to {LONGEST_CODE}, got {self.lengths}")
        if self.alphabet not in ALPHABETS:
            raise InputError(f"alphabet: expected one of {ALPHABETS}, got {self.alphabet!r}")
        if not 0 <= self.letters_first < min(self.lengths):
            raise InputError(f"letters_first: expected 0 to {min(self.lengths) - 1}, got {self.letters_first}")
        if self.letters_first and self.alphabet != "alnum":
            raise InputError("letters_first: a digits-only shape has no letters; set alphabet = 'alnum'")


@dataclass(frozen=True, slots=True)
class CardKind:
    """One kind of prepaid card.

    Attributes
    ----------
    name
        Value of the ``card_kind`` column.
    title_en, title_zh
        What people call it.
    family
        ``"game"``, ``"phone"`` or ``"ecommerce"``.
    issuer
        Who activates it; kinds of one issuer share its validation regime.
    number, secret
        Shapes of card number and secret; ``None`` where no source gives one (or the card has no such code).
    denominations
        Face values in yuan, ascending.
    provincial
        Usable only in the region it was issued for.
    binds
        Binds to one account on first use.
    expires
        Has a date after which the issuer refuses it.
    activates
        Must have been activated by its seller before it can be used.
    verified
        Whether a source solid enough to act on gives the shape; what breaks an unverified one is asked about, never
        a reason to refuse.
    source, date
        Where the shape comes from and when it was written down (ISO date).
    """

    name: str
    title_en: str
    title_zh: str
    family: Family
    issuer: str
    number: Shape | None
    secret: Shape | None
    denominations: tuple[int, ...]
    provincial: bool
    binds: bool
    expires: bool
    activates: bool
    verified: bool
    source: str
    date: str

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise InputError(f"kind {self.name!r}: family: expected one of {FAMILIES}, got {self.family!r}")
        if list(self.denominations) != sorted(set(self.denominations)) or min(self.denominations, default=1) <= 0:
            raise InputError(
                f"kind {self.name!r}: denominations: expected ascending positive yuan, got {self.denominations}"
            )
        try:
            date.fromisoformat(self.date)
        except ValueError:
            raise InputError(f"kind {self.name!r}: date: expected YYYY-MM-DD, got {self.date!r}") from None


_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "title_en": str,
    "title_zh": str,
    "family": str,
    "issuer": str,
    "number": dict,
    "secret": dict,
    "denominations": list,
    "provincial": bool,
    "binds": bool,
    "expires": bool,
    "activates": bool,
    "verified": bool,
    "source": str,
    "date": (str, date),
}
_OPTIONAL: Final[dict[str, Any]] = {
    "number": None,
    "secret": None,
    "denominations": [],
    "provincial": False,
    "binds": False,
    "expires": False,
    "activates": False,
    "verified": False,
}


def load(path: str | Path | None = None) -> dict[str, CardKind]:
    """Read the built-in kinds and, over them, the kinds of a user's own file.

    Parameters
    ----------
    path
        A TOML file of ``[kind.<name>]`` tables (see ``kinds.toml``). A kind of the same name replaces the
        built-in one whole. ``None`` reads the built-in kinds alone.

    Returns
    -------
    dict
        Kinds by name, built-in ones first.

    Raises
    ------
    UnusableFileError
        The file cannot be read or is not TOML.
    InputError
        A kind lacks an entry, has an unknown one or one of the wrong type.
    """
    kinds = _read(Path(__file__).with_suffix(".toml"))
    return kinds if path is None else kinds | _read(Path(path))


def find(text: str, kinds: Mapping[str, CardKind] | None = None) -> CardKind | None:
    """Return the kind people mean by ``text``: its name or either title, case and outer spaces ignored.

    Returns
    -------
    CardKind or None
        ``None`` where no kind is called so: an unknown kind is a category, not a fault.
    """
    wanted = text.strip().casefold()
    for kind in (KINDS if kinds is None else kinds).values():
        if wanted in (kind.name.casefold(), kind.title_en.casefold(), kind.title_zh.casefold()):
            return kind
    return None


def _read(path: Path) -> dict[str, CardKind]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnusableFileError(f"{path}: expected a TOML file of card kinds, got: {error}") from None
    tables = document.get("kind")
    if not isinstance(tables, dict) or set(document) != {"kind"}:
        raise InputError(f"{path}: expected [kind.<name>] tables and nothing else, got {sorted(document)}")
    return {name: _kind(path, name, table) for name, table in tables.items()}


def _kind(path: Path, name: str, table: object) -> CardKind:
    if not isinstance(table, dict):
        raise InputError(f"{path}: kind {name!r}: expected a table, got {type(table).__name__}")
    if not name.strip():
        raise InputError(f"{path}: kind {name!r}: expected a name that is not empty")
    entries = _OPTIONAL | table
    if set(entries) != set(_TYPES):
        lacking, unknown = sorted(set(_TYPES) - set(entries)), sorted(set(entries) - set(_TYPES))
        raise InputError(f"{path}: kind {name!r}: lacking entries {lacking}, unknown entries {unknown}")
    for entry, value in table.items():
        if not isinstance(value, _TYPES[entry]):
            raise InputError(f"{path}: kind {name!r}: {entry}: unexpected type {type(value).__name__}")
    try:
        entries["number"], entries["secret"] = _shape(entries["number"]), _shape(entries["secret"])
        entries["denominations"] = _whole("denominations", entries["denominations"])
        return CardKind(name=name, **(entries | {"date": str(entries["date"])}))
    except (InputError, TypeError, ValueError) as error:
        raise InputError(f"{path}: kind {name!r}: {error}") from None


def _shape(table: dict[str, Any] | None) -> Shape | None:
    if table is None:
        return None
    unknown = sorted(set(table) - {field.name for field in fields(Shape)})
    if unknown:
        raise InputError(f"shape: unknown entries {unknown}; expected lengths, alphabet, letters_first")
    return Shape(**(table | {"lengths": tuple(sorted(_whole("lengths", table.get("lengths", []))))}))


def _whole(entry: str, values: Any) -> tuple[int, ...]:
    """Whole numbers of a list; a fraction is refused, not cut off."""
    if not isinstance(values, list) or any(type(value) is not int for value in values):
        raise InputError(f"{entry}: expected a list of whole numbers, got {values!r}")
    return tuple(values)


KINDS: Final[Mapping[str, CardKind]] = MappingProxyType(load())
"""The built-in kinds by name, read-only."""
