"""``score``: a table of cards in, one row per card out, read against history as it was known at each moment."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from cardrisk.codes import KeySource, intake
from cardrisk.errors import InputError
from cardrisk.features import compute
from cardrisk.policy import Costs, costs_given
from cardrisk.risk import RiskModel, load_model
from cardrisk.risk.explain import LANGUAGES, Language, reasons_for
from cardrisk.scoring.assemble import judge, whole
from cardrisk.scoring.reach import within_reach
from cardrisk.tables import check_outcomes, check_submissions, frame_of, pair, quarantine

Cards: TypeAlias = pd.DataFrame | Mapping[str, Any] | Sequence[Mapping[str, Any]]
History: TypeAlias = tuple[pd.DataFrame, pd.DataFrame]
Reasons = Literal["stopped", "all", "none"]


def score(
    cards: Cards,
    *,
    model: "RiskModel | str | None" = None,
    history: History | None = None,
    costs: Costs | None = None,
    key: KeySource | None = None,
    tz: str | None = None,
    reasons: Reasons = "stopped",
    language: Language = "en",
) -> pd.DataFrame:
    """Score cards at the moment each was handed in.

    Parameters
    ----------
    cards
        Submissions: a frame of n rows (NumPy- or Arrow-backed, English or Chinese headers), one mapping, or a
        sequence of mappings. Needed are ``submission_id``, ``submitted_at`` and one entity column; null means not
        known. Cards of the call see earlier cards of the call as history.
    model
        A model, a bundle's folder or ``models:/name@alias``; the default bundle when omitted.
    history
        ``(past_submissions, past_outcomes)``. Outcomes may belong to cards of the call: they count from their
        ``answered_at`` on.
    costs
        The platform's money; defaults when omitted.
    key
        Token key; by default ``CARDRISK_KEY``. Without one, duplicate features are null.
    tz
        Zone of times that carry none, such as ``"Asia/Shanghai"``.
    reasons
        For which cards reasons are computed: those not accepted (``"stopped"``), ``"all"`` or ``"none"``.
    language
        ``"en"`` or ``"zh"``.

    Returns
    -------
    pandas.DataFrame
        n rows, index and order as given: ``submission_id``, ``p_fail`` (null where quarantined), ``cause`` (likeliest
        should it fail), ``p_<cause>`` (they sum to ``p_fail``), ``decision``, ``expected_loss`` (yuan),
        ``propensity``, ``reasons`` (list of text for the reviewer), ``rule`` (why quarantined, else null) and
        ``model_version``. ``attrs["ignored"]`` and ``attrs["aliases"]`` report the headers.

    Raises
    ------
    MissingColumnError
        A required column is not there.
    TimeZoneError
        Times without a zone and no ``tz``.
    BundleError
        The model failed verification.

    Examples
    --------
    >>> import cardrisk
    >>> card = {"submission_id": "a1", "submitted_at": "2026-01-05T08:00:00Z", "submitter_id": "u1"}
    >>> float(cardrisk.score(card)["p_fail"].iloc[0]) < 1
    True
    """
    return score_checked(
        as_frame(cards),
        model=model,
        history=history,
        costs=costs,
        key=key,
        tz=tz,
        reasons=reasons,
        language=language,
    )[0]


def score_checked(
    given: pd.DataFrame,
    *,
    model: "RiskModel | str | None" = None,
    history: History | None = None,
    costs: Costs | None = None,
    key: KeySource | None = None,
    tz: str | None = None,
    reasons: Reasons = "stopped",
    language: Language = "en",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As :func:`score`, with the quarantine beside the scores.

    Returns
    -------
    tuple
        Scores, and the quarantine: ``row`` (position), ``rule``, ``column``, masked ``value``.

    Raises
    ------
    InputError, ModelError
        As :func:`score`.
    """
    if reasons not in ("stopped", "all", "none"):
        raise InputError(f"reasons: expected 'stopped', 'all' or 'none', got {reasons!r}")
    if language not in LANGUAGES:
        raise InputError(f"language: expected one of {LANGUAGES}, got {language!r}")
    costs = costs_given(costs)
    loaded = within_reach(load_model(model))
    checked = check_submissions(given, tz=tz)
    taken = intake(checked.valid, key=key)
    past, answers = _past(history, key, tz)
    features = compute(taken, answers, history=past, features=loaded.features)
    judged = judge(loaded, features, taken, costs)
    judged["reasons"] = reasons_asked(loaded, features, judged, reasons, language)
    out = whole(judged, checked, given)
    out.attrs["ignored"] = list(checked.ignored)
    out.attrs["aliases"] = dict(checked.aliases)
    return out, checked.quarantined


def as_frame(cards: Cards) -> pd.DataFrame:
    """A frame of whatever cards were handed in.

    Raises
    ------
    InputError
        Neither a frame nor mappings.
    """
    if isinstance(cards, pd.DataFrame):
        return cards
    if isinstance(cards, Mapping):
        return frame_of([cards])
    if isinstance(cards, Sequence) and all(isinstance(card, Mapping) for card in cards):
        return frame_of(cards)
    raise InputError(f"cards: expected a DataFrame, a mapping or a list of mappings, got {type(cards).__name__}")


def _past(history: History | None, key: KeySource | None, tz: str | None) -> tuple[History | None, pd.DataFrame]:
    """Past submissions after intake (their own answers left empty), and every answer known."""
    if history is None:
        return None, check_outcomes(_no_outcomes()).valid
    submissions, outcomes = pair(history)
    answers = quarantine.kept(check_outcomes(outcomes, tz=tz), "history outcomes")
    cards = quarantine.kept(check_submissions(submissions, tz=tz), "history submissions")
    return (intake(cards, key=key), answers.iloc[:0]), answers


def _no_outcomes() -> pd.DataFrame:
    empty = pd.DataFrame({"submission_id": pd.Series(dtype="str"), "status": pd.Series(dtype="str")})
    empty["answered_at"] = pd.Series(dtype="datetime64[us, UTC]")
    return empty


def reasons_asked(
    model: RiskModel, features: pd.DataFrame, judged: pd.DataFrame, which: Reasons, language: Language
) -> list[list[str]]:
    """Give reasons where they were asked for.

    Parameters
    ----------
    model
        The model that judged.
    features, judged
        Its features, and ``judged["decision"]``; same rows.
    which, language
        As in :func:`score`.

    Returns
    -------
    list of lists of str
        One list a row; empty where none were asked for.
    """
    asked = judged["decision"].ne("accept").to_numpy() if which == "stopped" else np.full(len(judged), which == "all")
    out: list[list[str]] = [[] for _ in range(len(judged))]
    if asked.any():
        said = reasons_for(model, features[asked], judged[asked], language=language)
        for position, texts in zip(np.flatnonzero(asked), said, strict=True):
            out[position] = texts
    return out
