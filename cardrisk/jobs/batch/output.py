"""The two files a job leaves: scores in the input's order, and the quarantine.

Correct when the bytes depend on the rows alone, not on the pieces in which they were handed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cardrisk.scoring.assemble import COLUMNS
from cardrisk.tables import quarantine

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
