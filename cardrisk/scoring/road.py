"""The road of a valid card: intake boundary, features as of its moment, judgement, history and record.

Correct when a card gets the bits that batch gives over the same events, becomes history once, and gets one answer for
good, whatever other processes do to the same store. One thread at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Final

from cardrisk.codes import Intake
from cardrisk.features.stores.base import new
from cardrisk.features.stores.memory import MemoryStore
from cardrisk.features.stores.sqlite import SqliteStore
from cardrisk.policy import Costs
from cardrisk.risk import RiskModel
from cardrisk.risk.explain import Language
from cardrisk.scoring.admit import Draft, History, as_of
from cardrisk.scoring.judge import Judge, Reasons
from cardrisk.scoring.ledger import Ledger, open_ledger
from cardrisk.scoring.record import Context, Record
from cardrisk.scoring.result import Score
from cardrisk.scoring.retry import changed

Card = Mapping[str, Any]


TRIES: Final = 3
"""How often cards are read anew because other processes wrote first, before they are stored first and judged then."""


class Road:
    """A model, a policy and a store made ready.

    Parameters
    ----------
    model, costs, reasons, language
        What decides, and which reasons are given.
    intake
        The boundary.
    store
        URL of history and records.

    Attributes
    ----------
    model, history, ledger
        As opened.
    knows
        Whether a card of a ``submission_id`` is history.
    context
        What all decisions taken here share.

    Raises
    ------
    StoreError
        The store cannot be opened.
    """

    def __init__(
        self, model: RiskModel, costs: Costs, reasons: Reasons, language: Language, intake: Intake, store: str
    ) -> None:
        self.model, self._intake = model, intake
        self._judge = Judge(model, costs, reasons, language)
        self.history = History(model.features, store)
        self.ledger: Ledger = open_ledger(self.history.store, store)
        self.context = Context.of(model, self._judge.names, costs, reasons, language)
        self._name = self.ledger.enter(self.context)
        self._shared = not isinstance(self.history.store, MemoryStore)
        self._looks_first = isinstance(self.history.store, SqliteStore)  # a look costs a server as much as a write
        self._crowded = False
        self.knows = self.history.knows

    def again(self, card: dict[str, Any]) -> tuple[Score, list[str]]:
        """Return the answer of a card that is history, and the columns in which it was another one then.

        Raises
        ------
        StoreError
            The store cannot be read, or forgot the card meanwhile.
        """
        name = card["submission_id"]
        record = self.ledger.find(name) or self._recovered(name)
        return record.score, changed(self._intake.one(card), record.card)

    def alone(self, card: dict[str, Any], moment: int) -> Score:
        """Read a card that is not history, let it become history, and keep what was decided.

        Parameters
        ----------
        card
            As ``check_one`` gives it.
        moment
            When it became known, in microseconds.

        Raises
        ------
        StoreError
            It could not be stored; or it was, and its answer could not: handed in again, it gets that answer.
        """
        taken = self._intake.one(card)
        if self._shared and (done := self._at_once((taken,), moment)) is not None:
            return done[0].score
        row, at = self.history.take(taken, moment)
        if self._shared:
            return self.ledger.keep((self._record(taken, row, at),))[0].score
        record = new(Record, (self._name, at, taken, row.tobytes(), self._judge.score(taken, row)))
        return self.ledger.keep((record,))[0].score

    def together(self, cards: Sequence[dict[str, Any]], moments: Sequence[int]) -> Iterator[Score]:
        """Do the same for cards handed in together, moment by moment, in the order of their moments."""
        taken: list[dict[str, Any]] = self._intake.together(cards)
        for moment, group in self._by_moment(taken, moments):
            done = self._at_once(group, moment) if self._shared else None
            if done is None:
                read = self.history.admit(group, moment)
                records = [self._record(card, row, at) for card, (row, at) in zip(group, read, strict=True)]
                done = self.ledger.keep(records)
            for record in done:
                yield record.score

    def _at_once(self, cards: Sequence[Card], moment: int) -> Sequence[Record] | None:
        """Read cards and judge them, then store them and their records in one step; None where others get in between.

        A store outside takes longer for a write than a judgement takes: one write for both halves the time of a card,
        and a process that dies leaves both or neither.
        """
        if self._crowded and self._looks_first:
            known = self.history.seen
            self.history.refresh()
            self._crowded = self.history.seen != known
            if self._crowded and len(cards) > 1:  # two writes for all of them take less than judging them again
                return None
            if self._crowded and self._any_known(cards):
                return None
        records: Sequence[Record] = ()
        for _ in range(TRIES):
            draft = self.history.draft(cards, moment)
            records = self._judged(cards, draft, records)
            if self.history.settle(draft, partial(self.ledger.put, records)):
                return records
            self._crowded = True
            if self._any_known(cards):
                break
        return None

    def _judged(self, cards: Sequence[Card], draft: Draft, before: Sequence[Record]) -> Sequence[Record]:
        """Judge cards as they were read; one that reads as it did ``before`` keeps its answer and its reasons.

        Those cost many times the rest, and are worked out before a card is stored.
        """
        records = []
        for place, (card, row) in enumerate(zip(cards, draft.rows, strict=True)):
            read = row.tobytes()
            same = before and before[place].row == read
            score = before[place].score if same else self._judge.score(card, row)
            records.append(new(Record, (self._name, draft.moment, card, read, score)))
        return records

    def _any_known(self, cards: Sequence[Card]) -> bool:
        return any(self.knows(card["submission_id"]) for card in cards)

    def _record(self, card: Card, row: Any, at: int) -> Record:
        name = card["submission_id"]
        if self._shared and self.history.moment_of(name) != at:  # another process took it in first
            return self.ledger.find(name) or self._recovered(name)
        return Record(self._name, at, card, row.tobytes(), self._judge.score(card, row))

    def _recovered(self, name: str) -> Record:
        """Answer a card that became history just before its process died, as it would have been answered."""
        card, row, moment = as_of(name, self.model.features, self.history.store)
        record = Record(self._name, moment, card, row.tobytes(), self._judge.score(card, row))
        return self.ledger.keep([record])[0]

    def _by_moment(self, cards: Sequence[Card], moments: Sequence[int]) -> Iterator[tuple[int, list[Card]]]:
        """Return cards by the moment from which they will count, in order."""
        now = self.history.now
        groups: dict[int, list[Card]] = {}
        for card, moment in zip(cards, moments, strict=True):
            groups.setdefault(max(moment, now), []).append(card)
        return iter(sorted(groups.items(), key=itemgetter(0)))

    def close(self) -> None:
        """Release the store."""
        self.ledger.close()
        self.history.close()
