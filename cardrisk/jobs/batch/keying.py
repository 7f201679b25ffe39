"""From chunks to keys: each chunk hands its events to groups of entities, each group becomes features."""

from __future__ import annotations

import shutil
from typing import Final

import numpy as np
import pandas as pd

from cardrisk.features.arrays import I64, NULL
from cardrisk.features.parts import RESUBMITTED, Part, answers_for, compute_part, events_for
from cardrisk.features.parts.large import compute_large
from cardrisk.jobs.batch import taking
from cardrisk.jobs.batch.box import Box, Writer, count, each, gather
from cardrisk.jobs.batch.context import Context, asking, chunk_of, unit_of
from cardrisk.jobs.batch.settling import FACTS, SETTLED, cards_only

DEALT: Final = "dealt"
KEYED: Final = "keyed"
MOST: Final = 1 << 16
"""Questions answered at a time where events are walked through from disk."""


def events_of_chunk(context: Context, chunk: int) -> pd.DataFrame:
    """Return a chunk's events: cards only, with whether each was seen before."""
    box = Box(context.path(taking.STAGE, unit_of(chunk)[0]))
    events = box.read(f"events {chunk}")
    box.close()
    assert events is not None  # noqa: S101 - a chunk without valid rows is never asked for
    events = cards_only(context, events)
    if RESUBMITTED in context.plan.derived:
        events = events.assign(**{RESUBMITTED: _seen(context, chunk, events["seq"].to_numpy())})
    return events


def _seen(context: Context, chunk: int, seq: I64) -> I64:
    out = np.full(seq.size, NULL)
    found = gather([path for path in context.files(FACTS) if path.stem.startswith("group")], f"seen {chunk}")
    if found is not None and seq.size:
        place = np.searchsorted(seq, found["seq"].to_numpy())
        out[place] = found[RESUBMITTED].to_numpy()
    return out


def deal_chunk(context: Context, chunk: int) -> None:
    """Hand a chunk's events and the answers about its cards to the groups of every key's entities."""
    out = Writer(context.path(DEALT, chunk))
    events = events_of_chunk(context, chunk)
    answers = gather(context.files(SETTLED), f"answers {chunk}")
    groups = context.settings.groups
    for number, part in enumerate(context.plan.parts):
        mine = events_for(part, events)
        out.split(f"{number} events", mine, taking.grouped(mine["entity"].to_numpy(), groups))
        if answers is not None and _reads_answers(part):
            about = answers_for(part, answers, mine, card_time=True)
            out.split(f"{number} answers", about, taking.grouped(about["entity"].to_numpy(), groups))
    out.close()


def _reads_answers(part: Part) -> bool:
    return any(stream.source in ("answer", "top") for stream in part.plan.streams)


def compute_group(context: Context, number: int, group: int) -> None:
    """Compute one key's features for one group of entities."""
    part = context.plan.parts[number]
    out = Writer(context.path(KEYED, f"{number}_{group}"))
    files = context.files(DEALT)
    if count(files, f"{number} events {group}") > 2 * context.settings.limits.part:
        _compute_large(context, part, number, group, out)
        out.close()
        return
    events = gather(files, f"{number} events {group}")
    if events is not None:
        answers = gather(files, f"{number} answers {group}")
        if answers is None:
            answers = _no_answers(part)
        found = compute_part(part, events, answers)
        _add_asking(out, found)
    out.close()


def _compute_large(context: Context, part: Part, number: int, group: int, out: Writer) -> None:
    """As above, for entities with too many events: from disk, in the order of time."""
    files = context.files(DEALT)
    scratch = context.folder / KEYED / f".{number}_{group}"
    shutil.rmtree(scratch, ignore_errors=True)
    events, answers = (lambda name=f"{number} {what} {group}": each(files, name) for what in ("events", "answers"))
    for found in compute_large(part, events, answers, scratch, min(context.settings.limits.part, MOST)):
        _add_asking(out, found)
    shutil.rmtree(scratch)


def _add_asking(out: Writer, found: pd.DataFrame) -> None:
    asked = found[asking(found["seq"].to_numpy()) == 1]
    out.split("facts", asked, chunk_of(asked["seq"].to_numpy()))


def _no_answers(part: Part) -> pd.DataFrame:
    names = ["seq", "rank", "time", "until", "known", "failed", *(f"is {column}" for column in part.told), "entity"]
    return pd.DataFrame({name: np.empty(0, np.int64) for name in names})
