"""``Scorer``: one card at a time, or the cards handed in together, against history as it is known now.

Every road through here gives what :func:`cardrisk.score` gives for the same events as tables: cards are read in the
order of their moments, cards of one moment before any of them becomes history. A card handed in again gets the answer
it got. A card that cannot be scored is held, marked with the reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from threading import RLock
from types import TracebackType
from typing import Any, Final, Literal, Self, overload

import numpy as np

from cardrisk._later import pd
from cardrisk.codes import Intake, KeySource
from cardrisk.errors import InputError, ModelError, StoreError
from cardrisk.features import backfill
from cardrisk.features.arrays import HORIZON
from cardrisk.features.live.values import micros
from cardrisk.policy import Costs
from cardrisk.risk import RiskModel, load_model
from cardrisk.risk.explain import Language
from cardrisk.scoring import forking, log
from cardrisk.scoring.clock import Clock
from cardrisk.scoring.degraded import BUNDLE, CLOSED, Guard, bounded
from cardrisk.scoring.judge import Reasons
from cardrisk.scoring.metrics import Metrics
from cardrisk.scoring.reach import within_reach
from cardrisk.scoring.record import Context, Record
from cardrisk.scoring.result import Score, held
from cardrisk.scoring.road import Road
from cardrisk.tables import (
    DATED_AHEAD,
    Rejected,
    check_one,
    check_one_outcome,
    check_outcomes,
    check_submissions,
    known_at,
    known_at_one,
    quarantine,
)

Card = Mapping[str, Any]
Start = Literal["strict", "degraded"]

SILENCE: Final = 60.0
"""Seconds for which a scorer that stays down says so once."""


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
    clock
        Gives seconds since 1970; the host's clock unless given. A card or an answer dated more than
        :data:`~cardrisk.scoring.clock.AHEAD` seconds ahead of it is refused under the rule ``dated_ahead``, so that
        it cannot move history's clock for everybody. None: events of any date count, as when tables are replayed.
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
        model: RiskModel | str | None = None,
        *,
        store: str = "memory://",
        costs: Costs | None = None,
        key: KeySource | None = None,
        tz: str | None = None,
        reasons: Reasons = "stopped",
        language: Language = "en",
        clock: Callable[[], float] | None = time.time,
        start: Start = "strict",
    ) -> None:
        if reasons not in ("stopped", "all", "none"):
            raise InputError(f"reasons: expected 'stopped', 'all' or 'none', got {reasons!r}")
        self._given: dict[str, Any] = {"model": model, "store": store, "key": key, "reasons": reasons}
        self._given |= {"language": language, "costs": costs, "tz": tz, "clock": clock, "start": start}
        self.costs, self.tz, self.reasons, self.language = costs or Costs(), tz, reasons, language
        self._intake = Intake(key)
        self._store = bounded(store)
        self._clock = Clock(clock)
        self._guard = Guard(self._clock)
        self._lock = RLock()
        self.metrics = Metrics({})
        self._down: str | None = None
        self._said = ("", 0.0)
        try:
            self._open(model)
        except (ModelError, StoreError) as error:
            if start != "degraded":
                raise
            self._down = BUNDLE if isinstance(error, ModelError) else self._guard.failed(error)
            log.event("degraded_start", reason=self._down, error=str(error))
        forking.watch(self)

    def _open(self, model: RiskModel | str | None) -> None:
        loaded = within_reach(load_model(model))
        self._road = Road(loaded, self.costs, self.reasons, self.language, self._intake, self._store)
        context = self._road.context
        self.metrics = Metrics({"version": context.version, "model_version": context.model_version})
        self._down = None

    @property
    def model(self) -> RiskModel:
        """The model that decides.

        Raises
        ------
        StoreError
            The scorer started degraded, or is closed.
        """
        return self._up().model

    def __reduce__(self) -> Any:
        """Let a spawned process open the same store; a key is never pickled, nor is a history of one process."""
        if self._store.startswith("memory:") or not isinstance(self._given["key"], str | None):
            raise TypeError(
                "a Scorer goes to another process only with a store outside (sqlite, redis) and a key from the "
                "environment or a file; make one in that process instead"
            )
        return _again, (self._given,)

    def reopen(self) -> bool:
        """Open again what was missing at the start, or was closed; returns whether cards are scored now."""
        with self._lock:
            if self._down is not None:
                try:
                    self._open(self._given["model"])
                except (ModelError, StoreError) as error:
                    self._still_down(str(error))
            return self._down is None

    def _still_down(self, error: str) -> None:
        """Log what is still missing: where that changed, else now and then."""
        said, until = self._said
        if error != said or time.monotonic() >= until:
            log.event("still_degraded", reason=self._down, error=error)
            self._said = error, time.monotonic() + SILENCE

    @property
    def degraded(self) -> str | None:
        """Why cards are held without a score just now; null where none is known to be broken."""
        return self._down or self._guard.known()

    @overload
    def score(self, cards: Card) -> Score: ...
    @overload
    def score(self, cards: Sequence[Card]) -> list[Score]: ...
    def score(self, cards: Card | Sequence[Card]) -> Score | list[Score]:
        """Score a card, or cards handed in together; they are history afterwards.

        Parameters
        ----------
        cards
            One mapping of columns, or several. Columns go by the names that tables may have, English or Chinese;
            what is no column is left out.

        Returns
        -------
        Score or list of Score
            In order. A ``submission_id`` scored before gets the answer it got and does not count again; where the card
            is not the same, the counter ``retries_changed`` and the log say so. Where a card cannot be scored (store
            down, disk full, no model, clock set back) its decision is ``hold`` and ``degraded`` names the reason; so
            it is held once the scorer is closed.

        Raises
        ------
        InputError
            Neither a mapping nor a list of mappings.
        TimeZoneError
            A time without a zone and no ``tz``.
        """
        began = time.perf_counter()
        if type(cards) is dict or isinstance(cards, Mapping):
            score = self._one(cards)
            self.metrics.answered((score,), time.perf_counter() - began)
            return score
        given: Any = cards
        several = list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes) else [given]
        if not all(isinstance(card, Mapping) for card in several):
            raise InputError(f"cards: expected a mapping or a list of mappings, got {type(cards).__name__}")
        scores = self._several(several)
        self.metrics.answered(scores, time.perf_counter() - began)
        return scores

    def _one(self, given: Card) -> Score:
        """`_several` for one card."""
        card = check_one(given, tz=self.tz)
        if isinstance(card, Rejected):
            return self._held(given, rule=card.rule)
        moment = known_at_one(card)
        with self._lock:
            reason = self._down or self._guard.trouble()
            if reason is None and moment > self._clock.limit():
                return self._held(card, rule=DATED_AHEAD)
            if reason is None:
                try:
                    road = self._road
                    score = self._again(card) if road.knows(card["submission_id"]) else road.alone(card, moment)
                    self._guard.worked()
                    log.score(score)
                    return score
                except StoreError as error:
                    reason = self._failed(error)
        return self._held(card, degraded=reason)

    def _several(self, given: Sequence[Card]) -> list[Score]:
        checked = [check_one(card, tz=self.tz) for card in given]
        scores = self._answers([card for card in checked if type(card) is dict])
        return [
            self._held(card, rule=found.rule) if isinstance(found, Rejected) else scores[found["submission_id"]]
            for card, found in zip(given, checked, strict=True)
        ]

    def _answers(self, cards: Iterable[dict[str, Any]]) -> dict[str, Score]:
        """Answer valid cards by ``submission_id``; the first of each counts."""
        first: dict[str, dict[str, Any]] = {}
        for card in cards:
            first.setdefault(card["submission_id"], card)
        done: dict[str, Score] = {}
        with self._lock:
            reason = self._down or self._guard.trouble()
            if reason is None and first:
                try:
                    self._take_in(first, done)
                    self._guard.worked()
                except StoreError as error:
                    reason = self._failed(error)
        for name, card in first.items():
            if name not in done:
                done[name] = self._held(card, degraded=reason)
        return done

    def _take_in(self, cards: Mapping[str, dict[str, Any]], done: dict[str, Score]) -> None:
        fresh, moments, limit = [], [], self._clock.limit()
        for name, card in cards.items():
            moment = known_at_one(card)
            if moment > limit:
                done[name] = self._held(card, rule=DATED_AHEAD)
            elif self._road.knows(name):
                done[name] = self._again(card)
            else:
                fresh.append(card)
                moments.append(moment)
        for score in self._road.together(fresh, moments):
            done[str(score.submission_id)] = score
            log.score(score)

    def _again(self, card: dict[str, Any]) -> Score:
        """Answer again what was answered before; another card under the same name is told of."""
        self.metrics.count("retries")
        score, changed = self._road.again(card)
        if changed:
            self.metrics.count("retries_changed")
            log.event("retry_changed", submission_id=card["submission_id"], columns=changed)
        return score

    def _failed(self, error: StoreError) -> str:
        reason = self._guard.failed(error)
        log.event("degraded", reason=reason, error=str(error))
        return reason

    def _held(self, card: Card, *, rule: str | None = None, degraded: str | None = None) -> Score:
        score = held(card, "" if self._down else self._road.model.version, rule=rule, degraded=degraded)
        log.score(score)
        return score

    def answer(self, outcome: Mapping[str, Any]) -> None:
        """Let an answer become known; one without its card waits for it, 90 days (``answers_waiting`` counts those).

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
            history = self._up().history
            if micros(checked["answered_at"]) > self._clock.limit():
                raise InputError(
                    f"answer: column 'answered_at' breaks the rule {DATED_AHEAD}; correct it, or the clock of this host"
                )
            history.answer(checked)
            self.metrics.count("answers", str(checked["status"]))
            if not history.knows(checked["submission_id"]):
                self.metrics.count("answers_waiting")

    def _up(self) -> Road:
        if self._down is not None:
            raise StoreError(f"the scorer is degraded ({self._down}); nothing was kept: reopen() and retry")
        return self._road

    def backfill(self, submissions: pd.DataFrame, outcomes: pd.DataFrame) -> None:
        """Fill history from tables at batch speed; rows that break the contract are left out with a warning.

        Parameters
        ----------
        submissions, outcomes
            Past tables, as for :func:`cardrisk.score`'s ``history``. Rows dated ahead of the clock are left out too.
        """
        cards = quarantine.kept(check_submissions(submissions, tz=self.tz), "submissions")
        answers = quarantine.kept(check_outcomes(outcomes, tz=self.tz), "outcomes")
        with self._lock:
            road = self._up()
            limit = self._clock.limit()
            cards = cards[known_at(cards) <= limit]
            answers = answers[answers["answered_at"].to_numpy("datetime64[us]").astype(np.int64) <= limit]
            backfill(road.history, self._intake.frame(cards), answers)

    def record(self, submission_id: str) -> tuple[Record, Context] | None:
        """Return the record of a decision and the context it was taken in; None where there is none."""
        with self._lock:
            ledger = self._up().ledger
            found = ledger.find(submission_id)
            context = None if found is None else ledger.context(found.context)
        if found is None or context is None:
            return None
        return found._replace(card={**found.card}), context  # history holds the same card

    def forget(self, submitter: str) -> int:
        """Remove a person's history: every card of theirs, its answers and the records of its decisions.

        Returns
        -------
        int
            How many events were removed.
        """
        with self._lock:
            road = self._up()
            road.ledger.forget(submitter)
            gone = road.history.forget("submitter_id", submitter)
            self.metrics.count("forgotten", by=gone)
        return gone

    def trim(self, keep: timedelta) -> int:
        """Take out of the store what became known longer ago than ``keep``, and the records of those decisions.

        Nothing leaves a store outside by itself, so that what lasts a lifetime (counts, first seen) is known to
        whoever opens it: it begins with what is left then. Cards are scored meanwhile; call it from a thread of its
        own, in one process of a service.

        Parameters
        ----------
        keep
            Before the latest moment known; 90 days, the longest window, at least.

        Returns
        -------
        int
            How many events were removed.

        Raises
        ------
        InputError
            ``keep`` is too short.
        StoreError
            The store cannot be written; what was removed until then stays removed.
        """
        if keep < timedelta(microseconds=HORIZON):
            raise InputError(f"keep: expected 90 days or more, which windows read, got {keep}")
        with self._lock:
            road = self._up()
            before = road.history.now - int(keep / timedelta(microseconds=1))
        road.ledger.trim(before)
        gone = road.history.store.trim(before)
        self.metrics.count("trimmed", by=gone)
        return gone

    def freeze(self) -> None:
        """Take everything that lives now out of the garbage collector's rounds; call it once after warming up.

        History is many small objects that live long: without this, full collections visit all of them.
        """
        import gc

        gc.collect()
        gc.freeze()

    def close(self) -> None:
        """Release the store: from then on cards are held as ``closed``, and answers refused, until :meth:`reopen`.

        A memory store's history is gone then.
        """
        with self._lock:
            if self._down is None:
                self._road.close()
                self._down = CLOSED

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _again(given: dict[str, Any]) -> Scorer:
    return Scorer(**given)
