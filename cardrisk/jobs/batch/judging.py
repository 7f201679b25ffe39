"""The rows of one chunk, from joined features to the output's rows."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.features.arrays import I64, NULL
from cardrisk.features.events import known_at
from cardrisk.features.parts import Rows, day_of, requests_in
from cardrisk.jobs.batch import taking
from cardrisk.jobs.batch.columns import Stretch
from cardrisk.jobs.batch.context import Context, row_of, unit_of
from cardrisk.jobs.batch.keying import KEYED, events_of_chunk
from cardrisk.jobs.batch.landing import land
from cardrisk.jobs.batch.output import SCHEMA, leave_part, none_refused, table_of
from cardrisk.jobs.batch.settling import REPAIRED, ROW, facts_about, within
from cardrisk.scoring.assemble import judge
from cardrisk.scoring.batch import reasons_asked
from cardrisk.tables.masks import masked
from cardrisk.tables.rules import REPEATED_ID

JUDGED: Final = "judged"


def judge_chunk(context: Context, chunk: int, rows: int) -> None:
    """Score one chunk of the table.

    Parameters
    ----------
    context
        The job.
    chunk
        Which one.
    rows
        Its rows, quarantined ones included.
    """
    box = context.box(context.path(taking.STAGE, unit_of(chunk)[0]))
    cards, valid = box.read(f"cards {chunk}"), box.read(f"rows {chunk}")
    refused, shown = box.read(f"refused {chunk}"), box.read(f"shown {chunk}")
    refused = none_refused().assign(id=pd.Series(dtype="str")) if refused is None else refused
    if cards is None or valid is None:
        cards, place = pd.DataFrame({"submission_id": pd.Series(dtype="str")}), np.empty(0, np.int64)
    else:
        place = valid["row"].to_numpy()
        repeats = within((chunk << 28) + place, context.settled["dropped"]) == 1
        if repeats.any():
            refused = _with_repeats(refused, cards[repeats], place[repeats], shown)
            cards, place = cards[~repeats].reset_index(drop=True), place[~repeats]
    judged = _judged(context, chunk, cards, place) if len(cards) else SCHEMA.empty_table()
    scores = _whole(judged, place, refused)
    assert scores.num_rows == rows  # noqa: S101 - every row is in exactly one of the two
    leave_part(context.path(JUDGED, chunk), scores, refused)


def _with_repeats(refused: pd.DataFrame, cards: pd.DataFrame, place: I64, shown: object) -> pd.DataFrame:
    """Add rows that repeat the id of an earlier chunk's row to those that were refused."""
    more = pd.DataFrame({"row": place, "rule": REPEATED_ID, "column": "submission_id"})
    ids = cards["submission_id"].reset_index(drop=True)
    more["value"] = pd.Series([masked(name) for name in ids], dtype="str")
    more["id"] = ids.where(ids.str.len() <= taking.LONGEST_ID)
    if isinstance(shown, pd.DataFrame):
        other = shown.set_index("row").reindex(more["row"]).reset_index(drop=True)
        written = more["row"].isin(shown["row"]).to_numpy()
        more["value"] = more["value"].where(~written, other["value"])
        more["id"] = more["id"].where(~written, other["id"])
    both = pd.concat([refused, more.astype({"rule": "str", "column": "str", "value": "str", "id": "str"})])
    return both.sort_values("row", kind="stable", ignore_index=True)


def _whole(judged: pa.Table, place: I64, refused: pd.DataFrame) -> pa.Table:
    """Put scores and refused rows in order: what :func:`cardrisk.scoring.assemble.whole` gives, as Arrow holds it."""
    if not len(refused):
        return judged
    first = refused.drop_duplicates("row")
    held = {"decision": "hold", "propensity": 0.0, "reasons": []}
    rest = pa.Table.from_pylist([held], SCHEMA).take(pa.array(np.zeros(len(first), np.int64)))
    for at, text in ((SCHEMA.get_field_index("submission_id"), "id"), (SCHEMA.get_field_index("rule"), "rule")):
        rest = rest.set_column(at, SCHEMA.field(at), pa.array(first[text], pa.string(), from_pandas=True))
    order = np.argsort(np.concatenate([place, first["row"].to_numpy()]), kind="stable")
    return pa.concat_tables([judged, rest]).combine_chunks().take(pa.array(order))


def _judged(context: Context, chunk: int, cards: pd.DataFrame, place: I64) -> pa.Table:
    features = features_of_chunk(context, chunk, cards, place)
    judged = judge(context.model, features, cards, None)
    settings, rows = context.settings, len(cards)
    if settings.reasons == "none":
        ends = pa.array(np.zeros(rows + 1, np.int32))
        reasons = pa.ListArray.from_arrays(ends, pa.array([], pa.string()))
    else:
        said = reasons_asked(context.model, features, judged, settings.reasons, settings.language)  # type: ignore[arg-type]
        reasons = pa.array(said, pa.list_(pa.string()))
    columns = {str(name): column for name, column in judged.items()}
    return table_of({**columns, "reasons": reasons, "rule": pa.nulls(rows, pa.string())})


def features_of_chunk(context: Context, chunk: int, cards: pd.DataFrame, place: I64) -> pd.DataFrame:
    """Join what every key and every fact says of a chunk's rows."""
    seq = (chunk << 28) + place
    _repair(context, chunk, cards, seq)
    rows = Rows(cards, seq, context.features)
    if context.plan.requests:
        events = events_of_chunk(context, chunk)
        rows.add(requests_in(context.plan, events[events["is batch_id"] == NULL]))
    own, told = row_of(rows.seq), dict[tuple[str, ...], list[Stretch]]()
    for path in (*facts_about(context, day_of(known_at(cards))), *context.files(KEYED)):
        for found in context.box(path).stretches(f"facts {chunk}", f"seen {chunk}"):
            for stretch in found:
                told.setdefault(stretch.layout.names, []).append(stretch)
    for stretches in told.values():
        _land(stretches, rows, own)
    return rows.finished()


def _land(stretches: list[Stretch], rows: Rows, own: I64) -> None:
    """Write what the same columns tell of some of the rows, the ``own`` ones of their chunk, to its places."""
    names = stretches[0].layout.names
    room = rows.room_for(names)
    data = [stretch.data for stretch in stretches]
    begin = np.concatenate([[0], np.cumsum([each.size for each in data])])
    kept = np.stack([stretch.layout.kept for stretch in stretches])
    many = np.array([stretch.rows for stretch in stretches])
    where = names.index(ROW), own, rows.table, room.into(names), room.told
    land(many, begin, np.concatenate(data), kept, *where, *room.tables)


def _repair(context: Context, chunk: int, cards: pd.DataFrame, seq: I64) -> None:
    """Put facts that a second look corrected in the place of the first ones."""
    found = context.boxes(REPAIRED).gather(f"steps {chunk}") if context.steps else None
    if found is not None:
        mine = found[within(found["seq"].to_numpy(), seq) == 1]
        place = np.searchsorted(seq, mine["seq"].to_numpy())
        # the model need not ask for everything that was corrected
        for name in (set(found.columns) - {"seq"}) & set(cards.columns):
            values = cards[name].to_numpy().copy()
            values[place] = mine[name].to_numpy()
            cards[name] = values
