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
from cardrisk.scoring.admit import History, as_of
from cardrisk.scoring.judge import Judge, Reasons
from cardrisk.scoring.ledger import Ledger, open_ledger
from cardrisk.scoring.record import Context, Record
from cardrisk.scoring.result import Score
from cardrisk.scoring.retry import changed

Card = Mapping[str, Any]


TRIES: Final = 3
"""How often a card is read anew because other processes wrote first, before it is stored first and judged then."""
CROWD: Final = 8
"""So many calls after other processes wrote, they are expected to write again."""


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
        self._crowd = 0
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
        if self._shared:
            return self._decided((taken,), moment)[0].score
        row, at = self.history.take(taken, moment)
        return self.ledger.keep((self._new(taken, row, at),))[0].score

    def together(self, cards: Sequence[dict[str, Any]], moments: Sequence[int]) -> Iterator[Score]:
        """Do the same for cards handed in together, moment by moment, in the order of their moments."""
        taken: list[dict[str, Any]] = self._intake.together(cards)
        for moment, group in self._by_moment(taken, moments):
            for record in self._decided(group, moment):
                yield record.score

    def _decided(self, cards: Sequence[Card], moment: int) -> Sequence[Record]:
        """Read cards of one moment and judge them; return the records, once cards and records are stored."""
        seen = self.history.seen
        done = self._at_once(cards, moment) if self._shared else None
        if done is None:
            read = self.history.admit(cards, moment)
            done = self.ledger.keep([self._record(card, row, at) for card, (row, at) in zip(cards, read, strict=True)])
        others = self.history.seen - seen > len(cards)
        self._crowd = CROWD if others else max(self._crowd - 1, 0)
        return done

    def _at_once(self, cards: Sequence[Card], moment: int) -> Sequence[Record] | None:
        """Read cards and judge them, then store them and their records in one step; None where others get in between.

        A store outside takes longer for a write than a judgement takes: one write for both halves the time of a card,
        and a process that dies leaves both or neither. Where others write too, what takes longer than a second write
        is left to be done after the first: judging many cards, and reasons.
        """
        if self._crowd and len(cards) > 1:
            return None
        if self._crowd and self._looks_first:
            self.history.refresh()
            if self._any_known(cards):
                return None
        for _ in range(TRIES):
            draft = self.history.draft(cards, moment)
            records = [self._new(card, row, draft.moment) for card, row in zip(cards, draft.rows, strict=True)]
            if self._crowd and any(record.score.pending for record in records):
                return None
            if self.history.settle(draft, partial(self.ledger.put, records)):
                return records
            self._crowd = CROWD
            if self._any_known(cards):
                break
        return None

    def _new(self, card: Card, row: Any, at: int) -> Record:
        return new(Record, (self._name, at, card, row.tobytes(), self._judge.score(card, row)))

    def _any_known(self, cards: Sequence[Card]) -> bool:
        return any(self.knows(card["submission_id"]) for card in cards)

    def _record(self, card: Card, row: Any, at: int) -> Record:
        name = card["submission_id"]
        if self._shared and self.history.moment_of(name) != at:  # another process took it in first
            return self.ledger.find(name) or self._recovered(name)
        return self._new(card, row, at)

    def _recovered(self, name: str) -> Record:
        """Answer a card that became history just before its process died, as it would have been answered."""
        card, row, moment = as_of(name, self.model.features, self.history.store)
        return self.ledger.keep([self._new(card, row, moment)])[0]

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
