"""``Scorer``: one card at a time, or the cards handed in together, against history as it is known now.

Every road through here gives what :func:`cardrisk.score` gives for the same events as tables: cards are read in the
order of their moments, cards of one moment before any of them becomes history.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from threading import RLock
from types import TracebackType
from typing import Any, Final, Self, overload

import numpy as np
import pandas as pd

from cardrisk.codes import Intake, KeySource
from cardrisk.errors import InputError
from cardrisk.facts import CAUSES
from cardrisk.features import LiveHistory, backfill
from cardrisk.policy import Costs, decide
from cardrisk.risk import RiskModel, load_model
from cardrisk.risk.explain import Language, reasons_for
from cardrisk.risk.model import P_COLUMNS
from cardrisk.scoring.assemble import KINDS_THAT_BIND, top_cause
from cardrisk.scoring.batch import Reasons
from cardrisk.tables import Rejected, check_one, check_one_outcome, check_outcomes, check_submissions, known_at_one

Card = Mapping[str, Any]

REMEMBERED: Final = 100_000
"""Scores kept for retries: a card handed in again gets the answer it got, and counts once."""


@dataclass(frozen=True, slots=True)
class Score:
    """The answer for one card.

    Attributes
    ----------
    submission_id
        As given; null where the card had none.
    p_fail
        Probability that activation fails; null where the card was quarantined.
    causes
        ``p_<cause>`` by cause; they sum to ``p_fail``; empty where quarantined.
    cause
        Likeliest cause should it fail; null where quarantined.
    decision, expected_loss, propensity
        The action, its expected loss in yuan, and the probability with which the policy lets the card through.
    reasons
        For the reviewer, strongest first.
    rule
        The rule that quarantined the card, else null.
    model_version
        Names the content of the model's bundle.
    """

    submission_id: str | None
    p_fail: float | None
    causes: Mapping[str, float]
    cause: str | None
    decision: str
    expected_loss: float | None
    propensity: float
    reasons: tuple[str, ...]
    rule: str | None
    model_version: str


class Scorer:
    """Scores cards as they are handed in and learns answers as they arrive; safe to share between threads.

    Parameters
    ----------
    model
        A model, a bundle's folder or ``models:/name@alias``; the default bundle when omitted.
    store
        Where history lives: ``memory://``, ``sqlite:///path`` or ``redis://...``.
    costs, key, tz, reasons, language
        As in :func:`cardrisk.score`.

    Raises
    ------
    ModelError
        The model cannot be used.
    StoreError
        The store cannot be opened.

    Examples
    --------
    >>> import cardrisk
    >>> scorer = cardrisk.Scorer()
    >>> card = {"submission_id": "a1", "submitted_at": "2026-01-05T08:00:00Z", "submitter_id": "u1"}
    >>> scorer.score(card) == scorer.score(card)
    True
    """

    def __init__(
        self,
        model: "RiskModel | str | None" = None,
        *,
        store: str = "memory://",
        costs: Costs | None = None,
        key: KeySource | None = None,
        tz: str | None = None,
        reasons: Reasons = "stopped",
        language: Language = "en",
    ) -> None:
        self.model = load_model(model)
        self.costs = costs or Costs()
        self.tz = tz
        self.reasons = reasons
        self.language = language
        self._intake = Intake(key)
        self._store = store
        self._history = LiveHistory(self.model.features, store)
        self._answered: OrderedDict[str, Score] = OrderedDict()
        self._lock = RLock()

    @overload
    def score(self, cards: Card) -> Score: ...
    @overload
    def score(self, cards: Sequence[Card]) -> list[Score]: ...
    def score(self, cards: Card | Sequence[Card]) -> Score | list[Score]:
        """Score a card, or cards handed in together; they are history afterwards.

        Parameters
        ----------
        cards
            One mapping of columns, or several.

        Returns
        -------
        Score or list of Score
            In order. A ``submission_id`` scored before gets the answer it got and does not count again.

        Raises
        ------
        TimeZoneError
            A time without a zone and no ``tz``.
        StoreError
            History could not be kept; then the card was not scored.
        """
        if isinstance(cards, Mapping):
            return self._score([cards])[0]
        if isinstance(cards, str | bytes) or not all(isinstance(card, Mapping) for card in cards):
            raise InputError(f"cards: expected a mapping or a list of mappings, got {type(cards).__name__}")
        return self._score(list(cards))

    def _score(self, cards: list[Card]) -> list[Score]:
        checked = [check_one(card, tz=self.tz) for card in cards]
        out: list[Score | None] = [
            self._refused(card, found) if isinstance(found, Rejected) else None
            for card, found in zip(cards, checked, strict=True)
        ]
        valid = {i: found for i, found in enumerate(checked) if not isinstance(found, Rejected)}
        with self._lock:
            fresh = self._first_of_each(valid)
            taken = dict(zip(fresh, self._intake.together(list(fresh.values())), strict=True))
            for rows in _by_moment(taken):
                self._judge(rows)
            return [
                self._answered[valid[i]["submission_id"]] if refused is None else refused
                for i, refused in enumerate(out)
            ]

    def _first_of_each(self, cards: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
        """Cards not answered yet, the first of each ``submission_id``."""
        first: dict[str, int] = {}
        for i, card in cards.items():
            if card["submission_id"] not in self._answered:
                first.setdefault(card["submission_id"], i)
        return {i: cards[i] for i in first.values()}

    def _judge(self, rows: dict[int, dict[str, Any]]) -> None:
        """Read every card of one moment, then let all of them become history."""
        batches: dict[Any, list[dict[str, Any]]] = {}
        for card in rows.values():
            batches.setdefault(card.get("batch_id"), []).append(card)
        features = {
            i: self._history.features(
                card, together=batches[card["batch_id"]] if card.get("batch_id") is not None else (card,)
            )
            for i, card in rows.items()
        }
        for card in rows.values():
            self._history.observe(card)
        for i, card in rows.items():
            self._remember(self._decide(card, features[i]))

    def _decide(self, card: dict[str, Any], features: dict[str, Any]) -> Score:
        p = pd.DataFrame([self.model.predict_row(features)], columns=list(P_COLUMNS))
        frame = pd.DataFrame([card])
        decided = decide(p, frame, costs=self.costs, kinds_that_bind=KINDS_THAT_BIND).iloc[0]
        cause = top_cause(p).iloc[0]
        asked = self.reasons == "all" or (self.reasons == "stopped" and decided["decision"] != "accept")
        reasons: list[str] = []
        if asked:
            judged = pd.DataFrame([{"cause": cause, "decision": decided["decision"]}])
            reasons = reasons_for(self.model, _frame(self.model, features), judged, language=self.language)[0]
        return Score(
            submission_id=card["submission_id"],
            p_fail=float(p["p_fail"].iloc[0]),
            causes={name: float(p[f"p_{name}"].iloc[0]) for name in CAUSES},
            cause=cause,
            decision=str(decided["decision"]),
            expected_loss=float(decided["expected_loss"]),
            propensity=float(decided["propensity"]),
            reasons=tuple(reasons),
            rule=None,
            model_version=self.model.version,
        )

    def _refused(self, card: Card, found: Rejected) -> Score:
        name = card.get("submission_id")
        shown = name if isinstance(name, str) and len(name) <= 64 else None
        return Score(shown, None, {}, None, "hold", None, 0.0, (), found.rule, self.model.version)

    def _remember(self, score: Score) -> None:
        self._answered[str(score.submission_id)] = score
        if len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)

    def answer(self, outcome: Mapping[str, Any]) -> None:
        """Let an answer become known.

        Parameters
        ----------
        outcome
            ``submission_id``, ``answered_at``, ``status`` and, where known, the other columns of outcomes.

        Raises
        ------
        InputError
            The answer breaks its contract; the rule is named.
        StoreError
            It could not be kept.
        """
        checked = check_one_outcome(outcome, tz=self.tz)
        if isinstance(checked, Rejected):
            raise InputError(f"answer: column {checked.column!r} breaks the rule {checked.rule}; correct it and retry")
        with self._lock:
            self._history.answer(checked)

    def backfill(self, submissions: pd.DataFrame, outcomes: pd.DataFrame) -> None:
        """Fill history from tables at batch speed; rows that break the contract are left out.

        Parameters
        ----------
        submissions, outcomes
            Past tables, as for :func:`cardrisk.score`'s ``history``.
        """
        taken = self._intake.frame(check_submissions(submissions, tz=self.tz).valid)
        answers = check_outcomes(outcomes, tz=self.tz).valid
        with self._lock:
            backfill(self._history, taken, answers)

    def forget(self, submitter: str) -> int:
        """Remove a person's history: every card of theirs and its answers.

        Returns
        -------
        int
            How many events were removed.
        """
        with self._lock:
            gone = self._history.forget("submitter_id", submitter)
            self._answered.clear()
        return gone

    def close(self) -> None:
        """Release the store."""
        self._history.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _by_moment(cards: dict[int, dict[str, Any]]) -> Iterator[dict[int, dict[str, Any]]]:
    ordered = sorted(cards, key=lambda i: known_at_one(cards[i]))
    for _, group in groupby(ordered, key=lambda i: known_at_one(cards[i])):
        yield {i: cards[i] for i in group}


def _frame(model: RiskModel, features: dict[str, Any]) -> pd.DataFrame:
    row = {name: np.nan if features[name] is None else features[name] for name in model.features.names}
    frame = pd.DataFrame([row])
    texts = list(model.features.categorical)
    return frame.astype(dict.fromkeys(texts, "str")) if texts else frame
