"""Rows of a file through contract and intake boundary to narrow events on disk; no code is ever written.

Correct when the union of all pieces, without the repeats that :mod:`~cardrisk.jobs.batch.settling` finds, is what
check and intake of the whole table give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cardrisk.features.arrays import I64, NULL, Columns
from cardrisk.features.parts import (
    RESUBMITTED,
    TOKEN,
    day_of,
    events_of,
    identities,
    outcomes_of,
    request_columns,
    ring_columns,
    together,
)
from cardrisk.features.parts.identity import mixed_with
from cardrisk.features.parts.keyed import EVENT
from cardrisk.features.parts.narrow import as_columns
from cardrisk.jobs.batch.context import Context, chunk_of, place_of
from cardrisk.jobs.batch.source import Unit, pieces
from cardrisk.jobs.batch.writing import Writer
from cardrisk.tables import OUTCOMES, SUBMISSIONS, Checked, Contract, check, quarantine
from cardrisk.tables.arrow import strings, to_pandas
from cardrisk.tables.headers import match_headers
from cardrisk.tables.masks import masked
from cardrisk.tables.pieces import CODES, contract_of
from cardrisk.tables.read import naming
from cardrisk.tables.reader import objects

STAGE: Final = "taken"
SHARED: Final = "shared"
"""Rows on their way to those who tell what takes rows of other chunks: nobody else reads them."""
LONGEST_ID: Final = 64


def _rounded(context: Context, table: str) -> list[str]:
    """Code columns of a table that were rounded, as all its pieces together told."""
    return [name for name in CODES if f"{table} {name}" in set(context.settings.rounded)]


def take_unit(context: Context, number: int) -> None:
    """Take in one unit of history or of the table scored."""
    unit = context.settings.units[number]
    contract, readers = contract_of(_rounded(context, unit.table))
    out, shared = (Writer(context.path(stage, number)) for stage in (STAGE, SHARED))
    chunks: list[list[int]] = []
    note: dict[str, Any] = {"ignored": [], "aliases": {}}
    seen = _Seen()
    for sub, frame, checked in _checked(context, unit, contract):
        place = place_of(number, sub, asks=unit.table == "submissions")
        chunks.append([int(chunk_of(np.array(place))), len(frame), len(checked.valid)])
        note = {"ignored": checked.ignored, "aliases": checked.aliases}
        seen.add(checked)
        _take(context, out, shared, unit.table == "submissions", place, frame, checked)
    counts = {name: [int(sum(c[i] for c in reader.counts)) for i in (0, 1)] for name, reader in readers.items()}
    shared.close()
    out.close({"chunks": chunks, "rounding": counts, **note, **seen.note()})


class _Seen:
    """How many rows of a unit were looked at, and which rules they broke."""

    def __init__(self) -> None:
        self.rows, self.broken = 0, Counter[str]()

    def add(self, checked: Checked) -> None:
        self.rows += len(checked.valid) + len(checked.quarantined)
        self.broken.update(quarantine.rules_of(checked.quarantined))

    def note(self) -> dict[str, Any]:
        return {"rows": self.rows, "broken": dict(self.broken)}


def _checked(context: Context, unit: Unit, contract: Contract) -> Iterator[tuple[int, pd.DataFrame, Checked]]:
    settings = context.settings
    keep = unit.table == "submissions" and context.steps
    for sub, frame in enumerate(pieces(unit, settings.limits.piece, together=keep)):
        with naming(unit.name):
            checked = check(frame, contract, tz=settings.tz)
        yield sub, frame, checked


def codes_of_unit(context: Context, number: int, subs: set[int]) -> Iterator[tuple[int, pd.DataFrame, I64]]:
    """Read some chunks of a unit again: the place of the chunk, its valid rows with their codes, their positions."""
    unit = context.settings.units[number]
    contract, _ = contract_of(_rounded(context, unit.table))
    for sub, frame in enumerate(pieces(unit, context.settings.limits.piece, together=True)):
        if sub in subs:
            checked = check(frame, contract, tz=context.settings.tz)
            yield place_of(number, sub, asks=True), checked.valid, checked.rows


def _take(
    context: Context, out: Writer, shared: Writer, asks: bool, place: int, frame: pd.DataFrame, checked: Checked
) -> None:
    taken = context.intake.frame(checked.valid)
    seq = place + checked.rows
    chunk = int(chunk_of(np.array(place)))
    events = events_of(taken, seq, context.features, asks=asks)
    out.add(f"events {chunk}", events)
    ids = pd.DataFrame({"id": taken["submission_id"].array, "seq": seq, "time": events["time"].to_numpy()})
    shared.split("ids", ids, grouped(identities(ids["id"]), context.settings.groups))
    _share(context, shared, as_columns(events))
    if asks:
        out.add(f"cards {chunk}", taken[[name for name in taken.columns if name in context.read_again]])
        out.add(f"rows {chunk}", pd.DataFrame({"row": checked.rows}))
        ids_given = _given_ids(frame, checked)
        refused = checked.quarantined
        out.add(f"refused {chunk}", refused.assign(id=ids_given.take(refused["row"].to_numpy()).array))
        out.add(f"shown {chunk}", _shown_otherwise(frame, checked, ids_given))
        if context.steps:
            shared.split("steps", *_visible(context, taken, events))


def _share(context: Context, out: Writer, events: Columns) -> None:
    """Hand the events on to those who tell facts that take several: same card, same request, same day."""
    plan, groups = context.plan, context.settings.groups

    def share(name: str, columns: list[str], by: I64) -> None:
        known = np.flatnonzero(by != NULL)
        out.split(name, {column: events[column] for column in columns}, grouped(by[known], groups), known)

    if RESUBMITTED in plan.derived:
        share("token", [*EVENT, f"is {TOKEN}"], events[f"is {TOKEN}"])
    if plan.requests:
        share("request", request_columns(plan), together([events["is batch_id"], events["time"]]))
    if plan.rings:
        out.split("ring", {column: events[column] for column in ring_columns()}, day_of(events["time"]))


def _visible(context: Context, taken: pd.DataFrame, events: pd.DataFrame) -> tuple[pd.DataFrame, I64]:
    """What the boundary saw of each request: how many cards, and the sum of numbers that stand for them."""
    seq, moment = events["seq"].to_numpy(), events["time"].to_numpy()
    batch = identities(taken["batch_id"]) if "batch_id" in taken else np.full(len(seq), NULL)
    request = together([batch, moment])
    frame = pd.DataFrame({"seq": seq, "request": request, "one": mixed_with(seq, 1)})[request != NULL]
    group = frame.groupby("request", sort=False)["one"]
    seen = frame.assign(cards=group.transform("size").to_numpy(), sum=sums(frame, "request"))
    return seen, grouped(seen["request"].to_numpy(), context.settings.groups)


def sums(frame: pd.DataFrame, by: str) -> I64:
    """Return the sum of ``one`` over each row's group; it may wrap around."""
    codes, _ = pd.factorize(frame[by])
    total = np.zeros(len(frame) + 1, np.int64)
    np.add.at(total, codes, frame["one"].to_numpy())
    return total[codes]


def grouped(identity: I64, groups: int) -> I64:
    """Return the group of each identity, 0 to ``groups - 1``."""
    found: I64 = (identity.view(np.uint64) % np.uint64(groups)).astype(np.int64)
    return found


def _given_ids(frame: pd.DataFrame, checked: Checked) -> pd.Series:
    """Ids as they stand in the file; null where that is no text or too long."""
    header = next((h for h, name in checked.aliases.items() if name == "submission_id"), "submission_id")
    if header not in frame:
        return pd.Series(None, index=range(len(frame)), dtype="str")
    array = strings(frame[header])
    if array is not None:
        short = pc.if_else(pc.less_equal(pc.utf8_length(array), LONGEST_ID), array, pa.scalar(None, pa.large_string()))
        return pd.Series(to_pandas(short))
    cells = objects(frame[header])
    return pd.Series([c if isinstance(c, str) and len(c) <= LONGEST_ID else None for c in cells], dtype="str")


def _shown_otherwise(frame: pd.DataFrame, checked: Checked, given: pd.Series) -> pd.DataFrame:
    """Valid rows whose id stands in the file in another way: what to show, should they turn out to be repeats."""
    column = frame.iloc[:, match_headers(list(frame.columns), SUBMISSIONS).positions["submission_id"]]
    column = column.take(checked.rows)
    other = _different(column, checked.valid["submission_id"])
    rows = checked.rows[other]
    cells = objects(column.take(other))
    return pd.DataFrame(
        {
            "row": rows,
            "value": pd.Series([masked(cell) for cell in cells], dtype="str"),
            "id": given.take(rows).reset_index(drop=True),
        }
    )


def _different(cells: pd.Series, ids: pd.Series) -> I64:
    """Return positions of cells that are not the very text of an id."""
    array, read = strings(cells), strings(ids)
    if array is not None and read is not None:
        same = pc.fill_null(pc.equal(array, read), False).to_numpy(zero_copy_only=False)
        return np.flatnonzero(~same)
    pairs = zip(objects(cells), objects(ids), strict=True)
    return np.array([i for i, (cell, name) in enumerate(pairs) if cell != name], np.int64)


def tell_unit(context: Context, number: int) -> None:
    """Read one unit of outcomes: narrow answers, by the card's id."""
    unit = context.settings.units[number]
    (out, shared), seen = (Writer(context.path(stage, number)) for stage in (STAGE, SHARED)), _Seen()
    for sub, frame in enumerate(pieces(unit, context.settings.limits.piece, together=False)):
        with naming(unit.name):
            checked = check(frame, OUTCOMES, tz=context.settings.tz)
        seen.add(checked)
        rank = place_of(number, sub, asks=False) + checked.rows
        told = outcomes_of(checked.valid, rank, context.features)
        shared.split("told", told, grouped(identities(told["id"]), context.settings.groups))
    shared.close()
    out.close({"chunks": [], **seen.note()})
