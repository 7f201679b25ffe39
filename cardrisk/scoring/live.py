"""``Scorer``: one card at a time, or the cards handed in together, against history as it is known now.

Every road through here gives what :func:`cardrisk.score` gives for the same events as tables: cards are read in the
order of their moments, cards of one moment before any of them becomes history. A card handed in again gets the answer
it got. A card that cannot be scored is held, marked with the reason.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from threading import RLock
from types import TracebackType
from typing import Any, Literal, Self, overload

import pandas as pd

from cardrisk.codes import Intake, KeySource
from cardrisk.errors import InputError, ModelError, StoreError
from cardrisk.features import backfill
from cardrisk.policy import Costs
from cardrisk.risk import RiskModel, load_model
from cardrisk.risk.explain import Language
from cardrisk.scoring import forking, log
from cardrisk.scoring.admit import History, as_of
from cardrisk.scoring.degraded import BUNDLE, Guard, bounded
from cardrisk.scoring.judge import Judge, Reasons
from cardrisk.scoring.ledger import Ledger, open_ledger
from cardrisk.scoring.metrics import Metrics
from cardrisk.scoring.record import Context, Record
from cardrisk.scoring.result import Score, held
from cardrisk.tables import Rejected, check_one, check_one_outcome, check_outcomes, check_submissions, known_at_one

Card = Mapping[str, Any]
Start = Literal["strict", "degraded"]


class Scorer:
    """Scores cards as they are handed in and learns answers as they arrive; safe to share between threads.

    Parameters
    ----------
    model
        A model, a bundle's folder or ``models:/name@alias``; the default bundle when omitted.
    store
        Where history lives: ``memory://``, ``sqlite:///path`` or ``redis://...``. Unless the URL names a timeout, the
        scorer waits :data:`~cardrisk.scoring.degraded.TIMEOUT` seconds for it and holds the card then.
    costs, key, tz, reasons, language
        As in :func:`cardrisk.score`.
    start
        ``"strict"``: a model or a store that cannot be used raises. ``"degraded"``: the scorer starts all the same
        and holds every card, marked, until :meth:`reopen` succeeds.

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
        start: Start = "strict",
    ) -> None:
        if reasons not in ("stopped", "all", "none"):
            raise InputError(f"reasons: expected 'stopped', 'all' or 'none', got {reasons!r}")
        self._given: dict[str, Any] = {
            "model": model,
            "store": store,
            "key": key,
            "reasons": reasons,
            "language": language,
        }
        self._given |= {"costs": costs, "tz": tz, "start": start}
        self.costs, self.tz, self.reasons, self.language = costs or Costs(), tz, reasons, language
        self._intake = Intake(key)
        self._store = bounded(store)
        self._guard = Guard()
        self._lock = RLock()
        self.metrics = Metrics({})
        self._down: str | None = None
        try:
            self._open(model)
        except (ModelError, StoreError) as error:
            if start != "degraded":
                raise
            self._down = BUNDLE if isinstance(error, ModelError) else self._guard.failed(error)
            log.event("degraded_start", reason=self._down, error=str(error))
        forking.watch(self)

    def _open(self, model: "RiskModel | str | None") -> None:
        self.model = load_model(model)
        self._judge = Judge(self.model, self.costs, self.reasons, self.language)
        self._history = History(self.model.features, self._store)
        self._ledger: Ledger = open_ledger(self._history.store, self._store)
        context = Context.of(self.model, self._judge.names, self.costs, self.reasons, self.language)
        self._context = self._ledger.enter(context)
        self.metrics = Metrics({"version": context.version, "model_version": context.model_version})
        self._down = None

    def __reduce__(self) -> Any:
        """Let a spawned process open the same store; a key is never pickled, nor is a history of one process."""
        if self._store.startswith("memory:") or not isinstance(self._given["key"], str | None):
            raise TypeError(
                "a Scorer goes to another process only with a store outside (sqlite, redis) and a key from the "
                "environment or a file; make one in that process instead"
            )
        return _again, (self._given,)

    def reopen(self) -> bool:
        """Try again to open what was missing at the start; returns whether cards are scored now."""
        with self._lock:
            if self._down is not None:
                try:
                    self._open(self._given["model"])
                except (ModelError, StoreError) as error:
                    log.event("still_degraded", reason=self._down, error=str(error))
            return self._down is None

    @property
    def degraded(self) -> str | None:
        """Why cards are held without a score just now; null where none is known to be broken."""
        return self._down or self._guard.trouble()

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
            In order. A ``submission_id`` scored before gets the answer it got and does not count again. Where a card
            cannot be scored (store down, disk full, no model, clock set back) its decision is ``hold`` and
            ``degraded`` names the reason.

        Raises
        ------
        InputError
            Neither a mapping nor a list of mappings.
        TimeZoneError
            A time without a zone and no ``tz``.
        """
        began = time.perf_counter()
        given: Any = cards
        alone = isinstance(given, Mapping)
        several = [given] if alone else given
        if isinstance(several, str | bytes) or not all(isinstance(card, Mapping) for card in several):
            raise InputError(f"cards: expected a mapping or a list of mappings, got {type(given).__name__}")
        out = self._score(list(several))
        self.metrics.took(time.perf_counter() - began)
        return out[0] if alone else out

    def _score(self, cards: list[Card]) -> list[Score]:
        out: list[Score | None] = [None] * len(cards)
        valid: dict[int, dict[str, Any]] = {}
        version = "" if self._down else self.model.version
        for i, card in enumerate(cards):
            found = check_one(card, tz=self.tz)
            if isinstance(found, Rejected):
                out[i] = self._noted(held(card, version, rule=found.rule))
            else:
                valid[i] = found
        scores = self._answers(valid)
        for i, card in valid.items():
            out[i] = scores[card["submission_id"]]
        return [score for score in out if score is not None]

    def _answers(self, cards: dict[int, dict[str, Any]]) -> dict[str, Score]:
        """Answer valid cards by ``submission_id``; the first of each counts."""
        first: dict[str, dict[str, Any]] = {}
        for card in cards.values():
            first.setdefault(card["submission_id"], card)
        done: dict[str, Score] = {}
        with self._lock:
            reason = self._down or self._guard.trouble()
            if reason is None and first:
                try:
                    self._known(first, done)
                    fresh = [card for name, card in first.items() if name not in done]
                    for moment, group in self._moments(self._intake.together(fresh)):
                        self._take_in(group, moment, done)
                    self._guard.worked()
                except StoreError as error:
                    reason = self._guard.failed(error)
                    log.event("degraded", reason=reason, error=str(error))
        for name, card in first.items():
            if name not in done:
                version = "" if self._down else self.model.version
                done[name] = self._noted(held(card, version, degraded=reason))
        return done

    def _known(self, cards: Mapping[str, Card], done: dict[str, Score]) -> None:
        """Answer again what was answered before."""
        for name in cards:
            if self._history.knows(name):
                done[name] = (self._ledger.find(name) or self._recovered(name)).score
                self.metrics.count("retries")

    def _recovered(self, name: str) -> Record:
        """Answer a card that became history just before its process died, as it would have been answered."""
        card, row, moment = as_of(name, self.model.features, self._history.store)
        record = Record(self._context, moment, card, row.tobytes(), self._judge.score(card, row))
        return self._ledger.keep([record])[0]

    def _moments(self, cards: list[dict[str, Any]]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Cards by the moment from which they will count, in order."""
        if len(cards) == 1:
            yield known_at_one(cards[0]), cards
            return

        def moment(card: Card) -> int:
            return max(known_at_one(card), self._history.now)

        for at, group in groupby(sorted(cards, key=moment), key=moment):
            yield at, list(group)

    def _take_in(self, cards: list[dict[str, Any]], moment: int, done: dict[str, Score]) -> None:
        """Read the cards of one moment, let all of them become history, and keep what was decided."""
        records = []
        for card, (row, at) in zip(cards, self._history.admit(cards, moment), strict=True):
            name = card["submission_id"]
            if self._history.moment_of(name) == at:
                records.append(Record(self._context, at, card, row.tobytes(), self._judge.score(card, row)))
            else:  # another process took it in first
                records.append(self._ledger.find(name) or self._recovered(name))
        for record in self._ledger.keep(records):
            done[record.card["submission_id"]] = self._noted(record.score)

    def _noted(self, score: Score) -> Score:
        self.metrics.count("scores", score.decision)
        if score.rule is not None:
            self.metrics.count("quarantined", score.rule)
        elif score.degraded is not None:
            self.metrics.count("degraded", score.degraded)
        log.score(score)
        return score

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
            It could not be kept; hand it over again.
        """
        checked = check_one_outcome(outcome, tz=self.tz)
        if isinstance(checked, Rejected):
            raise InputError(f"answer: column {checked.column!r} breaks the rule {checked.rule}; correct it and retry")
        with self._lock:
            self._up()
            self._history.answer(checked)
        self.metrics.count("answers", str(checked["status"]))

    def _up(self) -> None:
        if self._down is not None:
            raise StoreError(f"the scorer started degraded ({self._down}); nothing was kept: reopen() and retry")

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
            self._up()
            backfill(self._history, taken, answers)

    def record(self, submission_id: str) -> tuple[Record, Context] | None:
        """Return the record of a decision and the context it was taken in; None where there is none."""
        with self._lock:
            self._up()
            found = self._ledger.find(submission_id)
            context = None if found is None else self._ledger.context(found.context)
        return None if found is None or context is None else (found, context)

    def forget(self, submitter: str) -> int:
        """Remove a person's history: every card of theirs, its answers and the records of its decisions.

        Returns
        -------
        int
            How many events were removed.
        """
        with self._lock:
            self._up()
            self._ledger.forget(submitter)
            gone = self._history.forget("submitter_id", submitter)
        self.metrics.count("forgotten", by=gone)
        return gone

    def freeze(self) -> None:
        """Take everything that lives now out of the garbage collector's rounds; call it once after warming up.

        History is many small objects that live long: without this, full collections visit all of them.
        """
        import gc

        gc.collect()
        gc.freeze()

    def close(self) -> None:
        """Release the store."""
        if self._down is None:
            self._ledger.close()
            self._history.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _again(given: dict[str, Any]) -> Scorer:
    return Scorer(**given)
