"""Rows on disk, more than memory should hold: columns in files, and rows brought into an order.

Correct when the rows that come back are those that were given, in the order of two columns; rows alike in both come
in the order in which they were given.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from cardrisk.features.arrays import I64, NEVER, Array, Columns
from cardrisk.features.parts.narrow import Frame, in_order

Frames = Callable[[], Iterable[Frame]]
"""Gives the same frames, in the same order, as often as it is called; they may come as columns."""

_SAMPLE: Final = 256
"""Rows of each frame looked at to find where to cut, and how far it overlaps with those behind it."""
_MOST_HEAPS: Final = 1 << 12
_BEHIND: Final = getattr(mmap, "MADV_DONTNEED", None)
"""How the system is told that mapped pages are done with; None where it cannot be."""


class Table:
    """Columns of numbers in files, each of its own kind, rows in order; written block after block, then mapped.

    Parameters
    ----------
    folder
        Its own; made here.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder, self.rows = folder, 0
        self._kinds: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
        self._mapped: dict[str, tuple[Array, mmap.mmap | None]] = {}
        self._left: dict[str, int] = {}

    def append(self, columns: Columns) -> None:
        """Add rows; those of the first call, of which there may be none, say what kind each column is of."""
        for name, values in columns.items():
            self._kinds.setdefault(name, (values.dtype, values.shape[1:]))
            if len(values):
                with self._file(name).open("ab") as file:
                    file.write(np.ascontiguousarray(values).data)
        self.rows += len(next(iter(columns.values())))

    def column(self, name: str) -> Array:
        """Map a column, once for all who ask; to be called when all rows are there."""
        if name not in self._mapped:
            self._mapped[name] = self._map(name)
        return self._mapped[name][0]

    def columns(self, first: int, stop: int) -> Columns:
        """Return a stretch of every column."""
        return {name: self.column(name)[first:stop] for name in self._kinds}

    def leave(self, row: int) -> None:
        """Let the system have the memory of all rows before one back; whoever reads them again finds them."""
        for name, (values, mapped) in self._mapped.items():
            size = values.nbytes // max(self.rows, 1)
            first, stop = self._left.get(name, 0), row * size // mmap.PAGESIZE * mmap.PAGESIZE
            if mapped is not None and _BEHIND is not None and stop > first:
                mapped.madvise(_BEHIND, first, stop - first)
                self._left[name] = stop

    def remove(self) -> None:
        """Remove the files of a table that nobody reads any more."""
        self._mapped.clear()
        for name in self._kinds:
            self._file(name).unlink(missing_ok=True)

    def _map(self, name: str) -> tuple[Array, mmap.mmap | None]:
        kind, shape = self._kinds[name]
        if not self.rows:
            return fixed(np.empty((0, *shape), kind)), None
        with self._file(name).open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, kind).reshape(self.rows, *shape), mapped

    def _file(self, name: str) -> Path:
        return self.folder / name.replace(" ", "-").replace("/", "-")


def fixed(values: Array) -> Array:
    """As a mapped column is: not to be written; compiled code knows the two apart."""
    values.flags.writeable = False
    return values


def columns_of(frame: Frame) -> Columns:
    """Return the columns of a frame."""
    return {str(name): np.asarray(column) for name, column in frame.items()}


def sort_to(folder: Path, frames: Frames, by: tuple[str, str], block: int) -> Table:
    """Bring rows into the order of two columns, whatever their number, with ``block`` rows in memory or so."""
    order = Order(frames(), by, block)
    out = Table(folder)
    for columns in order.sorted(map(columns_of, frames()), folder):
        out.append(columns)
    return out


class Order:
    """How rows are brought into the order of two columns, told from a first look at them.

    Most tables come nearly in the order of time, a frame overlapping the next ones by hours: then a row has its place
    as soon as no later frame has an earlier one, and nothing is written that is not yet in order.

    Parameters
    ----------
    frames
        All rows; only the two columns are read.
    by
        Names of the two columns, whole numbers.
    block
        Rows in memory or so.
    """

    def __init__(self, frames: Iterable[Frame], by: tuple[str, str], block: int) -> None:
        self._by, self._block, self.rows = by, block, 0
        self._least: list[tuple[int, int]] = []
        self._samples: list[I64] = []
        self._steps: list[int] = []
        for frame in frames:
            self._look(np.asarray(frame[by[0]]), np.asarray(frame[by[1]]))

    def _look(self, first: Array, second: Array) -> None:
        self.rows += first.size
        step = max(first.size // _SAMPLE, 1)
        self._samples.append(np.stack([first[::step], second[::step]]).astype(np.int64))
        self._steps.append(step)
        low = int(first.min(initial=NEVER))
        self._least.append((low, int(second[first == low].min(initial=NEVER))))

    def sorted(self, frames: Iterable[Columns], folder: Path) -> Iterator[Columns]:
        """Give the rows in their order, some at a time.

        Parameters
        ----------
        frames
            As many frames, with the same rows, as were looked at; any columns besides.
        folder
            For heaps of rows, where they come in no order; nothing is left there.
        """
        bounds = self._bounds()
        return self._merged(frames, bounds) if self._held(bounds) <= self._block else self._heaped(frames, folder)

    def _bounds(self) -> list[tuple[int, int]]:
        """Return, for each frame, the least row of all that come behind it."""
        found, low = [], (NEVER, NEVER)
        for least in reversed(self._least):
            found.append(low)
            low = min(low, least)
        return found[::-1]

    def _held(self, bounds: list[tuple[int, int]]) -> int:
        """Return about how many rows have to wait, at the most, until none comes that belongs before them."""
        most, time, weight = 0, np.empty(0, np.int64), np.empty(0, np.int64)
        for sample, step, (bound, _) in zip(self._samples, self._steps, bounds, strict=True):
            time = np.append(time, sample[0])
            weight = np.append(weight, np.full(sample.shape[1], step))
            wait = time >= bound
            time, weight = time[wait], weight[wait]
            most = max(most, int(weight.sum()))
            if most > self._block:
                break
        return most

    def _merged(self, frames: Iterable[Columns], bounds: list[tuple[int, int]]) -> Iterator[Columns]:
        held: Columns = {}
        for columns, bound in zip(frames, bounds, strict=True):
            if held:
                columns = {name: np.concatenate([held[name], column]) for name, column in columns.items()}
            columns = self._in_order(columns)
            stop = _place(columns[self._by[0]], columns[self._by[1]], bound)
            yield {name: column[:stop] for name, column in columns.items()}
            held = {name: column[stop:] for name, column in columns.items()}

    def _heaped(self, frames: Iterable[Columns], folder: Path) -> Iterator[Columns]:
        """Lay rows on heaps by where they belong, then sort heap after heap."""
        cuts = self._cuts()
        heaps = [Table(folder / f"heap{i}") for i in range(len(cuts[0]) + 1)]
        for columns in frames:
            number = _heap_of(columns[self._by[0]], columns[self._by[1]], cuts).astype(np.uint16)
            order = np.argsort(number, kind="stable")
            edges = np.searchsorted(number[order], np.arange(len(heaps) + 1))
            columns = {name: column[order] for name, column in columns.items()}
            for i in np.flatnonzero(edges[1:] > edges[:-1]).tolist():
                heaps[i].append({name: column[edges[i] : edges[i + 1]] for name, column in columns.items()})
        for heap in heaps:
            if heap.rows:
                yield self._in_order(heap.columns(0, heap.rows))
            heap.remove()
            heap.folder.rmdir()

    def _cuts(self) -> tuple[I64, I64]:
        """Return rows at which to cut so that about ``block`` lie between."""
        found = np.concatenate(self._samples, axis=1)
        found = found[:, np.lexsort((found[1], found[0]))]
        wanted = min(-(-self.rows // max(self._block, 1)), _MOST_HEAPS)
        at = np.linspace(0, found.shape[1], wanted, endpoint=False).astype(int)[1:]
        return found[0, at], found[1, at]

    def _in_order(self, columns: Columns) -> Columns:
        first, second = (columns[name] for name in self._by)
        if ((first[1:] > first[:-1]) | ((first[1:] == first[:-1]) & (second[1:] >= second[:-1]))).all():
            return columns
        order = in_order(first, second)
        return {name: column.take(order, axis=0) for name, column in columns.items()}


def _place(first: Array, second: Array, bound: tuple[int, int]) -> int:
    """Return how many rows, in order, stand before a bound."""
    low, high = (int(first.searchsorted(bound[0], side)) for side in ("left", "right"))
    return low + int(second[low:high].searchsorted(bound[1]))


def _heap_of(first: Array, second: Array, cuts: tuple[I64, I64]) -> I64:
    """Return how many cuts each row stands at or behind, by both columns."""
    below, upto = (np.searchsorted(cuts[0], first, side) for side in ("left", "right"))
    heap = below.copy()
    tied = np.flatnonzero(upto > below)
    for low in np.unique(below[tied]).tolist():
        mine = tied[below[tied] == low]
        heap[mine] += np.searchsorted(cuts[1][low : upto[mine[0]]], second[mine], side="right")
    return heap
