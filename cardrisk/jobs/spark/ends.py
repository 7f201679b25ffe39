"""The last task: features put together, trees, calibration, decision and reasons for the rows of a chunk.

Correct when every row of the table goes out once, with the values of :func:`cardrisk.score` (or of
:func:`cardrisk.features.compute`), under its number.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cardrisk.codes.steps import STEPS
from cardrisk.facts import CAUSES
from cardrisk.features.declare import FeatureSet
from cardrisk.features.parts import RESUBMITTED, Rows
from cardrisk.jobs.batch.output import QUARANTINE, leave_part, table_of
from cardrisk.jobs.spark.parcels import Box
from cardrisk.jobs.spark.work import Work
from cardrisk.tables import Checked
from cardrisk.tables.rules import REPEATED_ID

ROW: Final = "row"
"""Column of the results: the number of the row in the table given."""
RESULTS: Final = ("facts", RESUBMITTED, "features")
"""Names of the parcels that hold columns of features."""
_KINDS: Final = {
    "float64": ("double", pa.float64()),
    "float32": ("float", pa.float32()),
    "str": ("string", pa.string()),
}


def score_schema() -> tuple[str, pa.Schema]:
    """Columns of scores with the refused cell beside them, for Spark and for Arrow."""
    text, number = _KINDS["str"], _KINDS["float64"]
    columns = {ROW: ("bigint", pa.int64()), "submission_id": text, "p_fail": number, "cause": text}
    columns |= {f"p_{cause}": number for cause in CAUSES}
    columns |= {"decision": text, "expected_loss": number, "propensity": number}
    columns |= {"reasons": ("array<string>", pa.list_(pa.string()))}
    columns |= {"rule": text, "model_version": text, "column": text, "value": text}
    return _schema(columns)


def feature_schema(features: FeatureSet) -> tuple[str, pa.Schema]:
    """Columns of a table of features, for Spark and for Arrow."""
    columns = {ROW: ("bigint", pa.int64()), "submission_id": _KINDS["str"]}
    return _schema(columns | {feature.name: _KINDS[feature.dtype] for feature in features})


WRITTEN: Final = ("part long", pa.schema([("part", pa.int64())]))
"""The chunks whose scores stand in files, for Spark and for Arrow."""


def _schema(columns: dict[str, tuple[str, Any]]) -> tuple[str, pa.Schema]:
    spark = ", ".join(f"`{name}` {kind}" for name, (kind, _) in columns.items())
    return spark, pa.schema([(name, kind) for name, (_, kind) in columns.items()])


def scoring(work: Work) -> Callable[[pa.Table], pa.Table]:
    """Return the task that scores a chunk."""
    return _ending(work, scores_of, score_schema()[1])


def writing(work: Work, folder: Path) -> Callable[[pa.Table], pa.Table]:
    """Return the task that scores a chunk into a file of its own, and tells which chunk that was.

    Parameters
    ----------
    work
        Settings.
    folder
        Where every worker can write, and whoever puts the files together can read.
    """

    def run(table: pa.Table) -> pa.Table:
        box = Box(table)
        if "cards" not in box:
            return WRITTEN[1].empty_table()
        frame = scores_of(box, work)
        refused = frame.loc[frame["rule"].notna(), list(QUARANTINE[1:])]
        leave_part(part_of(folder, box.place), table_of(frame), refused.assign(row=refused.index.to_numpy(np.int64)))
        return pa.table({"part": [box.place]}, WRITTEN[1])

    return run


def part_of(folder: Path, place: int) -> Path:
    """Where the scores of a chunk stand."""
    return folder / f"{place}.box"


def featuring(work: Work) -> Callable[[pa.Table], pa.Table]:
    """Return the task that gives a chunk's features."""
    return _ending(work, lambda box, work: features_of(box, work)[1], feature_schema(work.features)[1])


def _ending(work: Work, end: Callable[[Box, Work], pd.DataFrame], schema: pa.Schema) -> Callable[[pa.Table], pa.Table]:
    def run(table: pa.Table) -> pa.Table:
        box = Box(table)
        if "cards" not in box:
            return schema.empty_table()
        return pa.Table.from_pandas(end(box, work), schema=schema, preserve_index=False)

    return run


def features_of(box: Box, work: Work) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put the features of a chunk together.

    Returns
    -------
    cards, features
        Valid rows in order of their numbers, after intake; and ``row, submission_id`` with their features.
    """
    cards = box.one("cards").sort_values("__row", ignore_index=True)
    dropped, steps = box.all("dropped"), box.all("steps")
    if dropped is not None:
        cards = cards[~cards["__row"].isin(dropped["seq"])].reset_index(drop=True)
    if steps is not None:
        told = steps.set_index("seq").reindex(cards["__row"])
        for name in STEPS:
            cards[name] = told[name].to_numpy(np.float32)
    plain = cards.drop(columns=["__row", "__position"])
    rows = Rows(plain, cards["__row"].to_numpy(np.int64), work.features)
    for name in RESULTS:
        for _, result in box.numbers(name):
            rows.add(result)
    found = rows.finished()
    first = {ROW: cards["__row"].to_numpy(), "submission_id": cards["submission_id"].array}
    return cards, pd.concat([pd.DataFrame(first, index=found.index), found], axis=1)


def scores_of(box: Box, work: Work) -> pd.DataFrame:
    """Score a chunk: every row of it, refused ones with the rule, column and masked value."""
    from cardrisk.scoring.assemble import judge, whole
    from cardrisk.scoring.batch import reasons_asked

    assert work.bundle is not None  # noqa: S101
    model = work.bundle.load()
    cards, found = features_of(box, work)
    features = found.drop(columns=[ROW, "submission_id"])
    plain = cards.drop(columns=["__row", "__position"])
    judged = judge(model, features, plain, work.costs)
    judged["reasons"] = reasons_asked(model, features, judged, work.reasons, work.language)
    checked, given, numbers = _refused(box, cards)
    out = whole(judged, checked, given)
    told = checked.quarantined.set_index("row")
    out["column"], out["value"] = told["column"].reindex(range(len(given))), told["value"].reindex(range(len(given)))
    return out.assign(**{ROW: numbers})


def _refused(box: Box, cards: pd.DataFrame) -> tuple[Checked, pd.DataFrame, Any]:
    """What the contract said of the chunk, with rows that repeat an id of another chunk; ids as given; numbers."""
    everyone, rest, dropped = box.one("cards"), box.one("rest"), box.all("dropped")
    refused = rest["rule"].notna().to_numpy()
    rows = len(everyone) + int(refused.sum())
    numbers = np.empty(rows, np.int64)
    numbers[everyone["__position"]] = everyone["__row"]
    numbers[rest["position"]] = rest["row"]
    ids = np.full(rows, None, object)
    ids[everyone["__position"]] = everyone["submission_id"].to_numpy(object)
    ids[rest["position"]] = rest["given"].to_numpy(object)
    report = rest.loc[refused, ["position", "rule", "column", "value"]].rename(columns={"position": "row"})
    if dropped is not None:
        again = everyone[everyone["__row"].isin(dropped["seq"])]
        report = pd.concat([report, _repeated(again, rest)], ignore_index=True)
    checked = Checked(cards, cards["__position"].to_numpy(np.int64), report, [], {})
    return checked, pd.DataFrame({"submission_id": pd.Series(ids, dtype=object)}), numbers


def _repeated(again: pd.DataFrame, rest: pd.DataFrame) -> pd.DataFrame:
    from cardrisk.tables.masks import masked

    shown = rest.set_index("position")["masked"].reindex(again["__position"]).to_numpy(object)
    plain = [masked(text) for text in again["submission_id"]]
    value = [p if s is None or s != s else s for s, p in zip(shown, plain, strict=True)]
    columns = {"row": again["__position"].to_numpy(), "rule": REPEATED_ID, "column": "submission_id", "value": value}
    return pd.DataFrame(columns)
