"""The champion moves only when the challenger is better on the same final answers; otherwise it is said why not.

Correctness: the alias moves if and only if the challenger's average precision is higher by the margin, the 95 %
interval of the difference lies above zero, and the champion is still the one that was compared.
"""

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cardrisk.errors import InputError, ModelError
from cardrisk.facts import MATURITY
from cardrisk.registry import aliases
from cardrisk.registry.aliases import CHALLENGER, CHAMPION
from cardrisk.registry.compare import Comparison, StabilityWarning, compare
from cardrisk.registry.store import using

if TYPE_CHECKING:
    from cardrisk.policy import Costs

MARGIN: Final = 0.005
"""Average precision a challenger must gain."""

FEWEST_DAYS: Final = 7
FEWEST_FAILURES: Final = 50
"""Below either, no interval by day deserves trust."""

STABLE: Final = 0.01
"""Largest change of a decision's share that raises no warning."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """What became of a challenger.

    Attributes
    ----------
    moved
        Whether the champion alias moved.
    why
        One sentence with the figures.
    champion, challenger
        Registry versions that were compared.
    difference, interval
        Challenger's average precision minus the champion's, and its 95 % interval; NaN where not computed.
    comparison
        All figures, and the mix of decisions; None where nothing was compared.
    """

    moved: bool
    why: str
    champion: str
    challenger: str
    difference: float = float("nan")
    interval: tuple[float, float] = (float("nan"), float("nan"))
    comparison: Comparison | None = field(default=None, repr=False)


def promote(
    name: str,
    submissions: pd.DataFrame,
    outcomes: pd.DataFrame,
    *,
    history: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    margin: float = MARGIN,
    maturity: float = MATURITY.value,
    as_of: Any = None,
    costs: "Costs | None" = None,
    propensity: "pd.Series[float] | None" = None,
    key: Any = None,
    tz: str | None = None,
    store: str | None = None,
    signing_key: bytes | None = None,
    seed: int = 0,
) -> Promotion:
    """Compare champion and challenger on a matured window, and move the alias if the challenger is better.

    Parameters
    ----------
    name
        Registered model with the aliases ``champion`` and ``challenger``.
    submissions, outcomes
        The window: cards neither model was trained on, and their answers. Cards that are too young, or that a
        model has learnt from, only feed features.
    history
        Earlier (submissions, outcomes) that feed features.
    margin
        Average precision to gain, at least.
    maturity
        Days after which a card's answer is final.
    as_of
        Moment at which labels are read and ages counted; None: when the last of the tables became known.
    costs
        The platform's money, for the mix of decisions.
    propensity
        Indexed by ``submission_id``: with which probability the policy let the card through; see `compare`.
    key, tz
        As in :func:`cardrisk.train`.
    store
        MLflow tracking URI; by default what MLflow is set to, else ``sqlite:///mlflow.db`` here.
    signing_key
        Then only bundles signed with it are compared.
    seed
        Seed of the resampling.

    Returns
    -------
    Promotion

    Warns
    -----
    StabilityWarning
        The challenger would move the share of a decision by more than a percentage point.

    Raises
    ------
    ModelError
        One of the aliases names no version.
    InputError, TimeZoneError
        The tables break their contract, or the margin is negative.
    BundleError
        A bundle failed verification.
    StoreError
        The store cannot be reached.
    """
    from cardrisk.risk.labels import micro
    from cardrisk.risk.tables import prepare

    if not margin >= 0:
        raise InputError(f"margin: expected a gain >= 0, got {margin}")
    with using(store) as client:
        champion, challenger = (_version(client, name, alias) for alias in (CHAMPION, CHALLENGER))
        if champion == challenger:
            return Promotion(False, "not moved: the challenger is the champion", champion, challenger)
        one, other = (aliases.fetch(client, name, version, signing_key) for version in (champion, challenger))
    moment = None if as_of is None else micro(as_of)
    tables = prepare(submissions, outcomes, history=history, as_of=moment, key=key, tz=tz)
    found = compare(one, other, tables, costs=costs, propensity=propensity, maturity=maturity, seed=seed)
    _warn_unstable(found)
    against = objection(found, margin)
    with using(store) as client:
        if against is None and _version(client, name, CHAMPION) != champion:
            against = "another champion was set meanwhile; compare again"
        if against is None:
            aliases.crown(client, name, challenger)
    why = f"moved: {_figures(found)}" if against is None else f"not moved: {against}"
    return Promotion(against is None, why, champion, challenger, found.difference, found.interval, found)


def objection(found: Comparison, margin: float) -> str | None:
    """Why a challenger may not become champion; None if it may."""
    left_out = f"{found.young:,} cards are too young, {found.seen:,} were trained on"
    if not found.cards:
        return f"no card counts ({left_out}); train the challenger as of an earlier moment, or wait for answers"
    if found.days < FEWEST_DAYS or found.failed < FEWEST_FAILURES:
        return (
            f"expected at least {FEWEST_DAYS} days and {FEWEST_FAILURES} failures with final answers, "
            f"got {found.days} and {found.failed} ({left_out})"
        )
    if not found.difference >= margin:
        return f"{_figures(found)}; a gain of {margin:g} is asked for"
    if not found.interval[0] > 0:
        return f"{_figures(found)}; the interval does not exclude zero"
    return None


def _figures(found: Comparison) -> str:
    low, high = found.interval
    return (
        f"average precision {found.challenger:.4f} against {found.champion:.4f}, "
        f"{found.difference:+.4f} [{low:+.4f}, {high:+.4f}] on {found.cards:,} cards of {found.days} days"
    )


def _version(client: Any, name: str, alias: str) -> str:
    record = aliases.holder(client, name, alias)
    if record is None:
        raise ModelError(
            f"expected a version of {name!r} with the alias {alias!r}, got none; "
            f"register one: cardrisk train ... --register {name} --alias {alias}"
        )
    return str(record.version)


def _warn_unstable(found: Comparison) -> None:
    if found.moved_share <= STABLE:
        return
    row = max(found.mix.to_dict("records"), key=lambda each: abs(each["challenger"] - each["champion"]))
    warnings.warn(
        f"the share of {row['decision']!r} would go from {row['champion']:.1%} to {row['challenger']:.1%} at unchanged "
        f"policy: more than {STABLE:.0%}; look at the costs before the challenger decides",
        StabilityWarning,
        stacklevel=3,
    )
