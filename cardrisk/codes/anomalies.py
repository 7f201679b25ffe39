"""The coarse facts that leave the boundary: what each one can see, and what it cannot.

Correct when every fact depends on one card's own codes (``*_progression``: on the codes of the cards handed in
together) and never on whether a card was seen before; null means the fact could not be read, never that all is well.

All are small integers or a handful of words; together they tell less than seven bits about a uniform secret of 40
bits or more (measured by a test), too little to search with.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One coarse fact about a card's codes.

    Attributes
    ----------
    name
        Column name.
    unit
        What the number counts; for a category, ``"category"``.
    categories
        The categories in order of their numbers; empty for a number.
    sees
        What it can see.
    blind
        What it cannot see.
    """

    name: str
    unit: str
    sees: str
    blind: str
    categories: tuple[str, ...] = ()


ANOMALIES: Final[tuple[Anomaly, ...]] = (
    Anomaly(
        "code_kind_fit",
        "category",
        "whether number and secret have the declared kind's shape; else whether they would if swapped, or are of "
        "another kind of the same issuer, of any other kind, of none",
        "a mistyped or forged code of the right shape; null for kinds without a published shape",
        ("fits", "swapped", "same_issuer", "other_kind", "no_kind"),
    ),
    Anomaly(
        "code_kinds_fitting",
        "kinds, cut at 6",
        "how many kinds share this shape: the shape is a weak proof of kind where many do",
        "which kinds; kinds nobody published",
    ),
    Anomaly(
        "code_number_length_off",
        "characters against the nearest length of the declared kind, cut at -3 and 3",
        "omitted, inserted, doubled, cut-off characters of the card number",
        "changes that keep the length (most typing errors); kinds without a published number",
    ),
    Anomaly(
        "code_secret_length_off",
        "characters against the nearest length of the declared kind, cut at -3 and 3",
        "omitted, inserted, doubled, cut-off or scratched characters of the secret",
        "changes that keep the length (most typing errors); kinds without a published secret",
    ),
    Anomaly(
        "code_stray",
        "characters in both fields, cut at 3",
        "letters where the kind has digits and digits where it has letters",
        "a digit typed for a digit; any letter of an alphanumeric kind",
    ),
    Anomaly(
        "code_lookalike",
        "characters in both fields, cut at 3",
        "stray characters that look like an allowed one (O for 0, l for 1 ...): a person read the card wrongly",
        "look-alikes that the alphabet allows (0 and O of an alphanumeric kind, 1 and 7 of digits)",
    ),
    Anomaly(
        "code_unreadable",
        "characters in both fields, cut at 3",
        "marks people type for what they cannot read (* ? _ #) and characters no card carries",
        "scratched characters left out (see the lengths) or guessed",
    ),
    Anomaly(
        "code_break_at",
        "category",
        "in which third of a field stray and unreadable characters stand: a cut-off paste breaks the tail, a "
        "scratch one place",
        "missing characters: nothing tells where they were",
        ("none", "head", "middle", "tail", "several"),
    ),
    Anomaly(
        "code_cleaned",
        "category",
        "the most that had to be cleaned away: separators or case, non-ASCII forms, a label or both codes in one field",
        "what was wrong and stayed",
        ("no", "spacing", "unicode", "label"),
    ),
    Anomaly(
        "code_fields_equal",
        "0 or 1",
        "the same code in both fields, or one inside the other: pasted twice",
        "anything when either is unknown",
    ),
    Anomaly(
        "code_secret_run",
        "longest run of one character in the secret, cut at 6",
        "keyboard filler (000000); two in a row are common by chance",
        "anything spread out; the card number, whose zeros are its lot's",
    ),
    Anomaly(
        "code_secret_sequence",
        "longest stretch of the secret in steps of one up or down, in characters, cut at 6",
        "keyboard filler (123456)",
        "other steps; sequences across cards (see code_secret_progression)",
    ),
    Anomaly(
        "code_secret_periodic",
        "0 or 1",
        "a secret that is one block over and over (12121212)",
        "a block with one character changed",
    ),
    Anomaly(
        "code_secret_surprise",
        "whole bits, cut at 12; half of uniform secrets have 0, a quarter 1, an eighth 2 ...",
        "characters that repeat more than chance: narrow alphabets, skew, padded counters; sum and count over many "
        "cards give a calibrated p-value (uniformity.p_value)",
        "a fixed prefix of different characters; a good random generator; null for secrets with unreadable or "
        "stray characters",
    ),
    Anomaly(
        "code_number_progression",
        "quarters: 0, 0.25, 0.5, 0.75, 1",
        "cards handed in together whose sorted numbers stand at one same step: one run of stock, or a counter",
        "whether the run is honest (much stock is); steps between calls; null below three different numbers",
    ),
    Anomaly(
        "code_secret_progression",
        "quarters: 0, 0.25, 0.5, 0.75, 1",
        "cards handed in together whose sorted secrets stand at one same step: no issuer does this",
        "progressions in another order of characters; null below three different secrets",
    ),
)
"""Every coarse fact, in column order."""

NAMES: Final[tuple[str, ...]] = tuple(anomaly.name for anomaly in ANOMALIES)
PER_CARD: Final = 14
"""The leading facts need one card alone; the rest need the cards handed in together."""
