"""A history that turns over: cards enter at a steady rate while as many leave beyond the horizon.

Correct when the number of live cards, answers and keys stays the same however long it goes on: the world's cards come
copy after copy, each copy with people, suppliers and codes of its own, so that whatever enters is like what leaves.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

import cardrisk
from benchmarks.serving import KEY, NAMED, plain
from cardrisk.features.arrays import HORIZON
from cardrisk.features.stores.base import CARD, Entry, open_store
from cardrisk.scoring.ledger_sqlite import SqliteLedger
from cardrisk.scoring.record import Record
from cardrisk.tables import check_submissions
from examples.intake_service import load

HISTORY = pd.Timedelta(microseconds=HORIZON)
CODES = ("card_no", "card_secret")
KEYS = ("submission_id", "batch_id", "submitter_id", "supplier_id", "device_token")
"""What ``NAMED`` is once handed in."""
TOGETHER = 50
"""Answers of a request, at most; those of a card come when 50 to 100 others have been asked about."""


def named(column: str, value: Any, copy: int) -> Any:
    """A value of a card in a copy of the world: other cards of other people, as long and of the same shape."""
    if not isinstance(value, str):
        return value
    if column in NAMED:
        return f"{value}-{copy:04d}"
    if column == "client_ip":
        return f"{11 + copy % 200}.{value.partition('.')[2]}"
    return value.translate(_shuffled(copy)) if column in CODES else value


@lru_cache(maxsize=2)
def _shuffled(copy: int) -> dict[int, int]:
    draw = random.Random(copy)
    return {
        ord(old): ord(new)
        for kind in ("0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        for old, new in zip(kind, draw.sample(kind, len(kind)), strict=True)
    }


class Turnover:
    """Cards that come as others leave: the world's cards copy after copy, ``rate`` a second, each with its answer.

    The oldest card of history reaches the far edge of the horizon when the load begins: from then on one leaves every
    ``1 / rate`` seconds, and the load brings the next copies at the same rate. Before this history comes another one
    like it, all of which has left by then, so that history has turned over once when a service has read it: tables
    have twice the room at most that they need, and the system hands memory out where it is first written to, which
    would else look like a leak until each table has been gone through once.
    """

    def __init__(self, cards: pd.DataFrame, answers: pd.DataFrame, keys: int, rate: float) -> None:
        past = cards.iloc[check_submissions(cards).rows]
        registered = past["submitter_registered_at"] - 2 * HISTORY  # before the card, also where that lies at the edge
        self.world = past.assign(submitter_registered_at=registered, received_at=pd.NaT).reset_index(drop=True)
        answers = answers.drop_duplicates("submission_id", keep="last").set_index("submission_id")
        self.answers = answers.loc[answers.index.isin(self.world["submission_id"])].reset_index()
        live = sum(self.world[column].nunique() for column in NAMED)
        self.rate, self.copies = rate, max(1, round(keys / live))
        self.cards = self.copies * len(self.world)

    def past(self, begins: pd.Timestamp, generation: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Cards and answers: history (1), whose first card is ``HISTORY`` old at ``begins``, or what was before (0)."""
        copies = range(generation * self.copies, (generation + 1) * self.copies)
        since = pd.to_timedelta(np.arange(self.cards) / self.rate, "s").round("us")
        moments = begins - (2 - generation) * HISTORY + since
        cards = pd.concat([self._copy(self.world, copy) for copy in copies], ignore_index=True)
        said = pd.concat([self._copy(self.answers, copy) for copy in copies], ignore_index=True)
        places = pd.Index(cards["submission_id"]).get_indexer(said["submission_id"])
        known = moments[places] + pd.Timedelta(seconds=2 * TOGETHER / self.rate).round("us")
        return cards.assign(submitted_at=moments), said.assign(answered_at=known).sort_values("answered_at")

    def _copy(self, table: pd.DataFrame, copy: int) -> pd.DataFrame:
        changing = [column for column in (*NAMED, *CODES, "client_ip") if column in table]
        return table.assign(**{column: [named(column, value, copy) for value in table[column]] for column in changing})

    def load(self, first: int, count: int) -> "Requests":
        """What asks for the cards numbered from ``first`` on, after history."""
        rows = [plain(row) for row in self.world.drop(columns=["submitted_at", "received_at"]).to_dict("records")]
        said = {row["submission_id"]: plain(row) for row in self.answers.to_dict("records")}
        cards = [{name: text(value) for name, value in row.items()} for row in rows]
        return Requests(cards, said, 2 * self.cards + first, count)


@dataclass
class Requests:
    """Requests made as they are sent: cards one by one, and now and then the answers of earlier ones, together."""

    cards: list[dict[str, Any]]
    answers: dict[str, dict[str, Any]]
    first: int
    count: int

    def __iter__(self) -> Iterator[bytes]:
        before: list[dict[str, Any]] = []
        group: list[dict[str, Any]] = []
        for number in range(self.first, self.first + self.count):
            copy, place = divmod(number, len(self.cards))
            card = {column: named(column, value, copy) for column, value in self.cards[place].items()}
            yield load.request("/score", card)
            if answer := self.answers.get(self.cards[place]["submission_id"]):
                group.append(answer | {"submission_id": card["submission_id"]})
            if (number + 1) % TOGETHER == 0:
                if before:
                    now = datetime.now(UTC).isoformat()
                    yield load.request("/answers", {"answers": [each | {"answered_at": now} for each in before]})
                before, group = group, []


def fill(model: str, turnover: Turnover, begins: pd.Timestamp, store: str) -> None:
    """Put history into a store, and a record of each of its cards, as if all of them had been scored there."""
    with cardrisk.Scorer(model, store=store, key=lambda: KEY) as scorer:
        for generation in (0, 1):
            cards, answers = turnover.past(begins, generation)
            scorer.backfill(cards, answers)
        last = plain(cards.iloc[-1].to_dict()) | {"submission_id": "like the others"}
        found = scorer.record(str(scorer.score(last).submission_id))
        ledger, journal = scorer._road.ledger, scorer._road.history.store
        within = (each for each in journal.since(0) if each.kind == CARD and each.moment >= edge_at(begins))
        while found and (some := list(islice(within, 5_000))):
            ledger.keep([_like(found[0], entry) for entry in some])


def postpone(url: str, by: pd.Timedelta) -> None:
    """Let everything in a store count from that much later on: how long filling it in takes shows only afterwards."""
    store, more = open_store(url), by // pd.Timedelta(microseconds=1)
    with store.writing() as db:
        db.execute("UPDATE journal SET moment = moment + ?", (more,))
        db.execute("UPDATE decided_apart SET moment = moment + ?", (more,))
    store.close()


def edge_at(at: pd.Timestamp) -> int:
    """The first moment within the horizon, in microseconds."""
    return int(at.value // 1_000 - HORIZON)


def _like(record: Record, entry: Entry) -> Record:
    score = replace(record.score, submission_id=entry.row["submission_id"])
    return record._replace(moment=entry.moment, card=entry.row, score=score)


def trim(url: str, at: pd.Timestamp) -> None:
    """Take out of a store what lies beyond the horizon."""
    store = open_store(url)
    store.trim(edge_at(at))
    SqliteLedger(store).trim(edge_at(at))
    store.close()


def live(store: str, at: pd.Timestamp) -> str:
    """What a store holds, and what of it lies within the horizon at a moment."""
    journal = open_store(store)
    keys: dict[str, set[str]] = {column: set() for column in KEYS}
    cards = answers = gone = 0
    edge = edge_at(at)
    for entry in journal.since(0):
        if entry.moment < edge:
            gone += 1
        elif entry.kind == CARD:
            cards += 1
            for column, values in keys.items():
                values.add(entry.row.get(column) or "")
        else:
            answers += 1
    with journal.reading() as db:
        both = "SELECT (SELECT count(record) FROM journal) + (SELECT count(*) FROM decided_apart)"
        records = db.execute(both).fetchone()[0]
    journal.close()
    size = sum(len(values) for values in keys.values())
    return (
        f"{cards:,} cards and {answers:,} answers live, {size:,} keys of them "
        f"({len(keys['submitter_id']):,} people); beyond the horizon {gone:,}; {records:,} records"
    )


def text(value: Any) -> Any:
    """A value as JSON has it."""
    return value.isoformat() if hasattr(value, "isoformat") else value
