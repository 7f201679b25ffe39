"""The two files a job leaves: scores in the input's order, and the quarantine.

Correct when the bytes depend on the rows alone, not on the pieces in which they were handed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cardrisk.jobs.batch.box import Box
from cardrisk.jobs.batch.writing import Writer
from cardrisk.scoring.assemble import COLUMNS
from cardrisk.tables import atomic_writes, quarantine

QUARANTINE: Final = ("row", "rule", "column", "value")
ROW_GROUP: Final = 1 << 16
_NUMBERS: Final = ("expected_loss", "propensity")


def _kind(name: str) -> pa.DataType:
    if name == "reasons":
        return pa.list_(pa.string())
    return pa.float64() if name.startswith("p_") or name in _NUMBERS else pa.string()


SCHEMA: Final = pa.schema([(name, _kind(name)) for name in COLUMNS])


def table_of(scores: pd.DataFrame | Mapping[str, Any]) -> pa.Table:
    """Give scores as Arrow holds them, whatever their strings are stored as; columns may be Arrow's already."""
    return pa.Table.from_arrays([_one(scores[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _one(values: Any, kind: pa.DataType) -> pa.Array:
    found = values if isinstance(values, pa.Array) else pa.array(values, kind, from_pandas=True)
    whole = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return whole.cast(kind)


_FEW: Final = ["cause", "decision", "reasons.list.element", "rule", "model_version"]
"""Columns of few distinct values; looking for some in ids and probabilities costs more than writing them."""


class Output:
    """Scores and quarantine, written piece by piece.

    Parameters
    ----------
    scores, rules
        Where each is written.
    suffix
        ``.parquet`` or ``.csv``: of the scores; the quarantine is CSV.
    """

    def __init__(self, scores: Path, rules: Path, suffix: str) -> None:
        self._scores, self._rules, self._csv = scores, rules, suffix == ".csv"
        self._held: list[pa.Table] = []
        self._rows = 0
        self._begun = {scores: False, rules: False}
        self._parquet = None if self._csv else pq.ParquetWriter(scores, SCHEMA, use_dictionary=_FEW)

    def add(self, scores: pa.Table, refused: pd.DataFrame) -> None:
        """Write some rows.

        Parameters
        ----------
        scores
            As :func:`table_of` gives them.
        refused
            ``row, rule, column, value`` of the quarantined rows among them.
        """
        self._lines(self._rules, quarantine.harmless(refused))
        if self._csv:
            frame = scores.to_pandas(types_mapper={pa.string(): pd.StringDtype(na_value=float("nan"))}.get)
            flat = frame.assign(reasons=[" | ".join(texts) for texts in frame["reasons"]])
            self._lines(self._scores, quarantine.harmless(flat))
            return
        self._held.append(scores)
        self._rows += scores.num_rows
        while self._rows >= ROW_GROUP:
            self._row_group(ROW_GROUP)

    def _row_group(self, rows: int) -> None:
        whole = pa.concat_tables(self._held)
        assert self._parquet is not None  # noqa: S101
        self._parquet.write_table(whole.slice(0, rows).combine_chunks(), row_group_size=ROW_GROUP)
        rest = whole.slice(rows)
        self._held, self._rows = [rest], rest.num_rows

    def _lines(self, path: Path, frame: pd.DataFrame) -> None:
        begun = self._begun[path]
        self._begun[path] = True
        with path.open("ab") as file:
            frame.to_csv(
                file,
                index=False,
                header=not begun,
                encoding="utf-8" if begun else "utf-8-sig",
                lineterminator="\n",
            )

    def close(self) -> None:
        """Write what is held back."""
        if self._parquet is not None:
            if self._rows:
                self._row_group(self._rows)
            self._parquet.close()


@dataclass(frozen=True)
class Written:
    """What stands in the two files: rows, those scored, and how many broke which rule."""

    rows: int
    scored: int
    broken: dict[str, int]


def leave_part(path: Path, scores: pa.Table, refused: pd.DataFrame) -> None:
    """Write what :func:`put_together` reads of some rows: there whole or not at all.

    Parameters
    ----------
    path
        The part's file.
    scores
        As :func:`table_of` gives them, in order.
    refused
        ``row, rule, column, value`` of the quarantined rows among them, ``row`` counted from the first of them.
    """
    out = Writer(path)
    out.add_table("scores", scores)
    out.add("refused", refused[list(QUARANTINE)])
    scored = scores.num_rows - scores["p_fail"].null_count
    out.close({"scored": scored, "rules": refused["rule"].value_counts().to_dict()})


def put_together(parts: Iterable[Path], target: Path, rules: Path, files: Iterable[str] | None = None) -> Written:
    """Write both files from the parts that tasks left; both appear whole, or neither.

    Parameters
    ----------
    parts
        Of :func:`leave_part`, in the order of the rows.
    target, rules
        Where scores and quarantine go.
    files
        Name of the file that each part's rows stand in: the quarantine then says it, and the row there. None: all
        rows are of one file.
    """
    rows, scored, broken = 0, 0, Counter[str]()
    begin: dict[str, int] = {}
    with atomic_writes(target, rules) as (table_at, rules_at):
        out = Output(table_at, rules_at, target.suffix)
        out.add(SCHEMA.empty_table(), none_refused() if files is None else _told_by_file(none_refused(), "", 0))
        for path, file in zip(parts, repeat(None) if files is None else files, strict=files is not None):
            box = Box(path)
            table, refused = box.table("scores"), box.read("refused")
            refused = none_refused() if refused is None else refused
            refused = refused.assign(row=refused["row"] + rows)
            if file is not None:
                refused = _told_by_file(refused, file, begin.setdefault(file, rows))
            out.add(table, refused)
            rows, scored = rows + table.num_rows, scored + box.note["scored"]
            broken.update(box.note["rules"])
        out.close()
    return Written(rows, scored, dict(broken))


def _told_by_file(refused: pd.DataFrame, file: str, begin: int) -> pd.DataFrame:
    """Put first what finds a row in a folder: its file, and its number there, of a file that begins at a row."""
    # a name need not be text; what is none is written as its bytes
    name = file.encode("utf-8", "backslashreplace").decode()
    found = pd.DataFrame({"file": name, "row_in_file": refused["row"] - begin}, index=refused.index)
    return pd.concat([found.astype({"file": "str"}), refused], axis=1)


def none_refused() -> pd.DataFrame:
    """A quarantine without rows."""
    texts = {name: pd.Series(dtype="str") for name in QUARANTINE[1:]}
    return pd.DataFrame({"row": pd.Series(dtype="int64"), **texts})
