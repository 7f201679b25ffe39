"""Facts of a card that take rows of other chunks: repeats, answers that stand, seen before, together, rings.

Each task has every row of a group of ids, tokens, requests or of some days, from all chunks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cardrisk.features.arrays import DAY, I64
from cardrisk.features.parts import RESUBMITTED, day_of, requests_in, resubmitted_in, rings_on, settled
from cardrisk.features.parts.identity import numbered
from cardrisk.features.parts.narrow import Frame, as_columns
from cardrisk.features.rings import SPAN
from cardrisk.jobs.batch import taking
from cardrisk.jobs.batch.context import STEP_FACTS, Context, asking, chunk_of, row_of, unit_of
from cardrisk.jobs.batch.taking import codes_of_unit, sums
from cardrisk.jobs.batch.writing import Writer

SETTLED = "settled"
FACTS = "facts"
REPAIRED = "repaired"
STEPS = sorted(STEP_FACTS)
ROW = "row"
"""Stands for a row in what is told to its chunk."""
BEFORE = SPAN // DAY
"""Days before its own that a card's rings are made of."""


def settle_ids(context: Context, group: int) -> None:
    """Settle repeats and answers of one group of ids."""
    out = Writer(context.path(SETTLED, group))
    taken = context.boxes(taking.SHARED)
    cards, told = taken.gather(f"ids {group}"), taken.gather(f"told {group}")
    if cards is not None:
        cards = cards.sort_values("seq", kind="stable", ignore_index=True)
        (ids,) = numbered(cards["id"])
        again = pd.Series(2 * ids + asking(cards["seq"].to_numpy())).duplicated().to_numpy()  # within one table
        out.add("dropped", cards.loc[again, ["seq"]])
        cards = cards[~again]
        if told is None:
            told = no_outcomes(context)
        silent, answers = settled(cards, told)
        answers = answers.iloc[np.argsort(answers["seq"].to_numpy(), kind="stable")]  # found faster in this order
        out.add("silent", pd.DataFrame({"seq": silent}))
        seq = answers["seq"].to_numpy()
        out.split("answers", answers, chunk_of(seq))
        if context.plan.rings:
            by_seq = cards.set_index("seq")["time"]
            narrow = answers[["seq", "time", "until", "known", "failed"]]
            out.split("standing", narrow, day_of(by_seq.reindex(seq).to_numpy(np.int64)))
    out.close()


def no_outcomes(context: Context) -> pd.DataFrame:
    """Narrow answers, none."""
    names = ["rank", "said", "heard", "grade", *(f"is {column}" for column in context.plan.told)]
    return pd.DataFrame({"id": pd.Series(dtype="str"), **{name: np.empty(0, np.int64) for name in names}})


def gather_settled(context: Context) -> None:
    """Put the places of all repeats, and of all rows that only ask, into one file each, sorted."""
    for name in ("dropped", "silent"):
        found = context.boxes(SETTLED).gather(name)
        seq = np.sort(found["seq"].to_numpy()) if found is not None else np.empty(0, np.int64)
        scratch = context.folder / f".{name}.npy"
        with scratch.open("wb") as file:
            np.save(file, seq)
        scratch.replace(context.folder / f"{name}.npy")


def within(seq: I64, among: I64) -> I64:
    """Return 1 where a row is among sorted ones."""
    if not among.size:
        return np.zeros(seq.size, np.int64)
    place = np.minimum(np.searchsorted(among, seq), among.size - 1)
    found: I64 = (among[place] == seq).astype(np.int64)
    return found


def cards_only(context: Context, events: pd.DataFrame) -> pd.DataFrame:
    """Return events of rows that are cards; those whose id came before count in nobody's history."""
    seq = events["seq"].to_numpy()
    dropped, silent = (within(seq, context.settled[name]) for name in ("dropped", "silent"))
    if "counts" in events:
        events = events.assign(counts=np.where(silent == 1, 0, events["counts"].to_numpy()))
    return events[dropped == 0] if dropped.any() else events


def tell_facts(context: Context, group: int) -> None:
    """Tell of one group of tokens who was seen before, and of one group of requests what they are together."""
    out = Writer(context.path(FACTS, f"group_{group}"))
    taken = context.boxes(taking.SHARED)
    cards, batched, visible = (taken.gather(f"{name} {group}") for name in ("token", "request", "steps"))
    if cards is not None:
        seen = resubmitted_in(cards_only(context, cards))
        seq = seen["seq"].to_numpy()
        out.split("seen", {ROW: row_of(seq), RESUBMITTED: seen[RESUBMITTED].to_numpy()}, chunk_of(seq))
    if batched is not None:
        events = cards_only(context, batched)
        found = requests_in(context.plan, events)
        tell_chunks(out, found)
    broken = 0
    if visible is not None:
        cards = cards_only(context, visible)
        whole = cards.groupby("request", sort=False)["one"].transform("size").to_numpy()
        wrong = (whole != cards["cards"].to_numpy()) | (sums(cards, "request") != cards["sum"].to_numpy())
        wrong &= np.maximum(whole, cards["cards"].to_numpy()) > 2
        requests = cards.loc[wrong, "request"].unique()
        cut = cards[cards["request"].isin(requests)]
        out.add("broken", cut[["seq", "request"]])
        broken = len(cut)
    out.close({"broken": broken})


def tell_chunks(out: Writer, found: Frame) -> None:
    """Write what is told of rows that ask under their chunks; each by its row there, which takes few bytes."""
    columns = as_columns(found)
    seq = columns.pop("seq")
    asked = np.flatnonzero(asking(seq) == 1)
    out.split("facts", {ROW: row_of(seq), **columns}, chunk_of(seq[asked]), asked)


def tell_rings(context: Context, first: int, stop: int) -> None:
    """Tell the rings of some days in a row."""
    out = Writer(context.path(FACTS, f"ring_{first}_{stop}"))
    cards = context.boxes(taking.SHARED).gather(*(f"ring {day}" for day in range(first - BEFORE, stop)))
    told = context.boxes(SETTLED).gather(*(f"standing {day}" for day in range(first - BEFORE, stop - 1)))
    if cards is not None:
        if told is None:
            told = pd.DataFrame({name: np.empty(0, np.int64) for name in ("seq", "time", "until", "known", "failed")})
        tell_chunks(out, rings_on(range(first, stop), cards_only(context, cards), told))
    out.close()


def ring_spans(context: Context) -> list[tuple[int, int]]:
    """Cut the UTC days on which cards of the table were handed in: first day, and first day after, of each task.

    A task reads the days before its own too, so days go together while all it reads are no more events than a part.
    """
    rows: dict[int, int] = {}
    asked: set[int] = set()
    for i, unit in enumerate(context.settings.units):
        if unit.table != "outcomes":
            found = context.box(context.path(taking.SHARED, i)).places("ring")
            asked |= set(found) if unit.table == "submissions" else set()
            for day, count in found.items():
                rows[day] = rows.get(day, 0) + count
    spans: list[tuple[int, int]] = []
    for day in sorted(asked):
        first = spans[-1][0] if spans and day - spans[-1][1] < BEFORE else day
        read = sum(rows.get(each, 0) for each in range(first - BEFORE, day + 1))
        if first < day and read <= context.settings.limits.part:
            spans[-1] = (first, day + 1)
        else:
            spans.append((day, day + 1))
    return spans


def facts_about(context: Context, days: I64) -> list[Path]:
    """Return the files that hold facts of cards handed in on some days."""
    found = []
    for path in context.files(FACTS):
        what, *span = path.stem.split("_")
        if what == "group" or ((days >= int(span[0])) & (days < int(span[1]))).any():
            found.append(path)
    return found


def repair_steps(context: Context, group: int) -> None:
    """Look again, with all their cards, at requests that the boundary saw only parts of."""
    box = context.box(context.path(FACTS, f"group_{group}"))
    broken = box.read("broken")
    out = Writer(context.path(REPAIRED, group))
    if broken is not None:
        cards = _with_codes(context, np.sort(broken["seq"].to_numpy()))
        taken = context.intake.frame(cards.drop(columns="seq"))
        found = pd.DataFrame({"seq": cards["seq"].to_numpy(), **{name: taken[name].to_numpy() for name in STEPS}})
        out.split("steps", found, chunk_of(found["seq"].to_numpy()))
    out.close()


def _with_codes(context: Context, seq: I64) -> pd.DataFrame:
    """Read rows again, codes included, in memory only."""
    wanted: dict[int, set[int]] = {}
    for chunk in np.unique(chunk_of(seq)).tolist():
        unit, sub = unit_of(chunk)
        wanted.setdefault(unit, set()).add(sub)
    found = []
    for unit, subs in wanted.items():
        for place, valid, rows in codes_of_unit(context, unit, subs):
            mine = row_of(seq[chunk_of(seq) == int(chunk_of(np.array(place)))])
            here = np.flatnonzero(np.isin(rows, mine))
            found.append(valid.iloc[here].assign(seq=place + rows[here]))
    return pd.concat(found, ignore_index=True)
