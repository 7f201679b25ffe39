"""From chunks to keys: each chunk hands its events to groups of entities, each group becomes features."""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np
import pandas as pd

from cardrisk.features.arrays import I64, NULL, Columns
from cardrisk.features.parts import RESUBMITTED, Part, compute_part
from cardrisk.features.parts.keyed import EVENT, Hand, told_by
from cardrisk.features.parts.large import compute_large
from cardrisk.jobs.batch import taking
from cardrisk.jobs.batch.box import Boxes, Lazily, Stacked, lazily
from cardrisk.jobs.batch.columns import Stretch, stacked
from cardrisk.jobs.batch.context import Context, reads_answers, row_of, unit_of
from cardrisk.jobs.batch.laying import standing, until_of
from cardrisk.jobs.batch.settling import FACTS, ROW, SETTLED, cards_only, tell_chunks
from cardrisk.jobs.batch.writing import Bands, Writer

DEALT: Final = "dealt"
KEYED: Final = "keyed"
TOGETHER: Final = 4
"""Chunks of a unit that are dealt together at most: for each of them, every group of every key has rows to read."""
TASKS: Final = 8
"""At least about so many tasks compute features."""
CARD: Final = "card"
"""Which row of the events dealt beside it an answer is about: what the card says need not be written again."""
_OF_CARD: Final = {"seq": "seq", "entity": "entity", "card_time": "time"}
_TOLD_AGAIN: Final = frozenset({*_OF_CARD, "until", "rank"})
"""What the card says of its answer, and what the answers' order does: those of one card stay together and in theirs,
and no sum depends on how those of others come between."""
MOST: Final = 1 << 16
"""Questions answered at a time where events are walked through from disk."""


def events_of_chunk(context: Context, chunk: int) -> pd.DataFrame:
    """Return a chunk's events: cards only, with whether each was seen before."""
    box = context.box(context.path(taking.STAGE, unit_of(chunk)[0]))
    events = box.read(f"events {chunk}")
    assert events is not None  # noqa: S101 - a chunk without valid rows is never asked for
    events = cards_only(context, events)
    if RESUBMITTED in context.plan.derived:
        events = events.assign(**{RESUBMITTED: _seen(context, chunk, events["seq"].to_numpy())})
    return events


def _seen(context: Context, chunk: int, seq: I64) -> I64:
    out = np.full(seq.size, NULL)
    files = [path for path in context.files(FACTS) if path.stem.startswith("group")]
    found = Boxes(map(context.box, files)).gather(f"seen {chunk}")
    if found is not None and seq.size:
        place = np.searchsorted(row_of(seq), found[ROW].to_numpy())
        out[place] = found[RESUBMITTED].to_numpy()
    return out


def deal_chunks(context: Context, *chunks: int) -> None:
    """Hand the events of chunks of a unit, and the answers about their cards, to the groups of every key's entities."""
    bands = range(len(context.bands) - 1)
    out = Bands([context.path(DEALT, dealt_to(chunks[0], band)) for band in bands], context.bands[:-1])
    events = pd.concat([events_of_chunk(context, chunk) for chunk in chunks], ignore_index=True)
    answers = context.boxes(SETTLED).gather(*(f"answers {chunk}" for chunk in chunks))
    groups = context.settings.groups
    hand = Hand(events, _no_answers(context) if answers is None else answers)
    for number, part in enumerate(context.plan.parts):
        if context.lenders[number] != number:
            continue
        mine, rows, about, told = hand.deal(part)
        group = _group(mine, rows, groups)
        out.split(f"{number} events", mine, group, rows)
        if reads_answers(part):
            stands = np.zeros(len(events), np.int64)
            stands[rows] = standing(group, groups)
            short = {name: column for name, column in about.items() if name not in _TOLD_AGAIN}
            out.split(f"{number} answers", {**short, CARD: stands[hand.about]}, _group(about, told, groups), told)
    out.close()


def dealt_to(chunk: int | str, band: int) -> str:
    """Return the name of what chunks from one on deal to a band of groups."""
    return f"{chunk}_{band}"


def band_of(context: Context, group: int) -> int:
    """Return the band of a group."""
    return bisect_right(context.bands, group) - 1


def _group(columns: dict[str, I64], rows: I64, groups: int) -> I64:
    return taking.grouped(columns["entity"][rows], groups)


def shares(groups: int) -> int:
    """Return into how many tasks the keys of one group are cut, so that few groups keep all cores busy too."""
    return max(1, TASKS // groups)


def compute_group(context: Context, group: int, share: int) -> None:
    """Compute every so many-th key's features for one group of entities."""
    out = Writer(context.path(KEYED, f"{group}_{share}"))
    dealt = context.boxes(DEALT, dealt_to("*", band_of(context, group)))
    for number in range(share, len(context.plan.parts), shares(context.settings.groups)):
        _compute(context, dealt, number, group, out)
    out.close()


def _compute(context: Context, dealt: Boxes, number: int, group: int, out: Writer) -> None:
    part, lender = context.plan.parts[number], context.lenders[number]
    rows = dealt.rows(f"{lender} events {group}")
    if rows > context.settings.limits.part:
        _compute_large(context, dealt, number, group, out)
    elif rows:
        how = stacked if lender == number else partial(stacked, among=_columns_for(part))
        events, told = next(_dealt(dealt, lender, group, rows, how))
        tell_chunks(out, compute_part(part, events, _ranked(context, told)))


def _columns_for(part: Part) -> frozenset[str]:
    """Columns of events and answers that a part reads, as they are dealt."""
    return frozenset({CARD, "entity", *EVENT, *part.events, *told_by(part)})


def _dealt(
    dealt: Boxes, number: int, group: int, rows: int, how: Callable[[list[Stretch]], Stacked]
) -> Iterator[tuple[Stacked, Stacked | None]]:
    """Give events and answers of one key and group, so many rows at a time; answers name their card by its row."""
    return dealt.both(f"{number} events {group}", f"{number} answers {group}", CARD, rows, how)


def _ranked(context: Context, told: Columns | None) -> Columns:
    """Return answers of a part with their order among themselves."""
    answers = _no_answers(context) if told is None else told
    return {**answers, "rank": np.arange(len(answers["time"]))}


def _compute_large(context: Context, dealt: Boxes, number: int, group: int, out: Writer) -> None:
    """As above, for entities with too many events: from disk, in the order of time."""
    scratch, lender = context.folder / KEYED / f".{number}_{group}", context.lenders[number]
    shutil.rmtree(scratch, ignore_errors=True)
    block = min(context.settings.limits.part, MOST)

    def events() -> Iterator[Mapping[str, I64]]:
        return dealt.each(f"{lender} events {group}", block)

    def answers() -> Iterator[Mapping[str, I64]]:
        for cards, told in _dealt(dealt, lender, group, block, lazily):
            if told is not None:
                yield _told_of(cards, told)

    for found in compute_large(context.plan.parts[number], events, answers, scratch, block):
        tell_chunks(out, found)
    shutil.rmtree(scratch)


def _told_of(cards: Lazily, told: Lazily) -> Lazily:
    """Return answers with what their cards say of them."""

    def until() -> I64:
        card, time = told[CARD], told["time"]
        order = np.argsort(time, kind="stable")
        found = np.empty(card.size, np.int64)
        found[order] = until_of(card[order], time[order], cards["seq"].size)
        return found

    def of_card(name: str) -> I64:
        return cards[name][told[CARD]]

    said = {name: partial(told.__getitem__, name) for name in told if name != CARD}
    found = {name: partial(of_card, of) for name, of in _OF_CARD.items()}
    return Lazily({**said, **found, "until": until, "rank": lambda: np.arange(told[CARD].size)})


def _no_answers(context: Context) -> Columns:
    names = [CARD, "seq", "rank", "time", "until", "known", "failed", *(f"is {name}" for name in context.plan.told)]
    return {name: np.empty(0, np.int64) for name in names}
