"""History features beside what people use today: one workload, values checked equal, ratios printed.

W1: submissions of 60 days by 40,000 submitters (Zipf), 20,000 batches, 300 suppliers and 60,000 addresses; answers
1 hour to 3 days later, 11 % failures; 4 entities x {1 h, 1 d, 7 d, 30 d} x {count, sum, answers known, failures
known} = 64 columns, answers windowed by their own arrival. CPU seconds of one process.
"""

import argparse
import gc
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cardrisk.features import FeatureSet, Key, LiveHistory, compute, feature
from cardrisk.features.sorting import group
from cardrisk.features.stores.tables import entries_of

ROOT = Path(__file__).parents[1]
ENTITIES = {"submitter": 40_000, "batch": 20_000, "supplier": 300, "address": 60_000}
WINDOWS = ("1h", "1d", "7d", "30d")
FEATURES = FeatureSet(
    tuple(
        feature(statistic, Key(name, (name,)), window, of="face_value" if statistic == "sum" else None)
        for name in ENTITIES
        for window in WINDOWS
        for statistic in ("count", "sum", "known", "failed")
    )
)


def workload(rows: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """W1 at any size: entities shrink with the rows, so that each keeps its share of events."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.choice(60 * 86_400_000_000, rows, replace=False)) + 1_767_571_200_000_000
    frame = pd.DataFrame({"submission_id": np.arange(rows), "submitted_at": pd.to_datetime(at, unit="us", utc=True)})
    for name, count in ENTITIES.items():
        size = max(count * rows // 1_000_000, 10)
        codes = rng.zipf(1.3, rows) % size if name == "submitter" else rng.integers(0, size, rows)
        frame[name] = pd.Categorical.from_codes(codes, categories=[f"{name}{i}" for i in range(size)])
    frame["face_value"] = rng.choice([10, 19.99, 30, 50, 100, 500], rows)
    delay = pd.to_timedelta(rng.integers(3_600_000_000, 3 * 86_400_000_000, rows), unit="us")
    status = pd.Categorical.from_codes((rng.random(rows) < 0.11).astype(np.int8), categories=["success", "failed"])
    answers = {"submission_id": np.arange(rows), "answered_at": frame["submitted_at"] + delay, "status": status}
    return frame, pd.DataFrame(answers)


PARTS = ("count", "sum", "known", "failed")


def events(submissions: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Submissions and answers in one sorted frame, as peers need them: a row per event, 0 where it adds nothing."""
    rows = len(submissions)
    cents = np.rint(submissions["face_value"].to_numpy() * 100).astype(np.int64)
    failed = (outcomes["status"] == "failed").to_numpy().astype(np.int64)
    zero = np.zeros(rows, np.int64)
    parts = {
        "t": np.concatenate(
            [submissions["submitted_at"].to_numpy("M8[us]"), outcomes["answered_at"].to_numpy("M8[us]")]
        ),
        "row": np.concatenate([np.arange(rows), np.full(rows, -1)]),
        "count": np.concatenate([zero + 1, zero]),
        "sum": np.concatenate([cents, zero]),
        "known": np.concatenate([zero, zero + 1]),
        "failed": np.concatenate([zero, failed]),
    }
    for name in ENTITIES:
        parts[name] = np.tile(submissions[name].cat.codes.to_numpy(), 2)
    return pd.DataFrame(parts).sort_values("t", kind="stable", ignore_index=True)


def label(name: str, part: str, window: str) -> str:
    """Our name of a peer's column."""
    return f"{name}_sum_face_value_{window}" if part == "sum" else f"{name}_{part}_{window}"


def polars_rolling(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The same columns with Polars' rolling."""
    import polars as pl

    base = pl.from_pandas(frame)
    rows = len(frame) // 2
    found = {}
    for name in ENTITIES:
        # one result per event in group order; the event's own row comes from the same stable order
        own = base.sort(name, maintain_order=True)["row"].to_numpy()
        keep = own >= 0
        for window in WINDOWS:
            sums = [pl.col(part).sum() for part in PARTS]
            rolled = base.rolling("t", period=window, closed="left", group_by=name).agg(*sums)
            rolled = rolled.sort(name, maintain_order=True)
            for part in PARTS:
                out = np.empty(rows, np.int64)
                out[own[keep]] = rolled[part].to_numpy()[keep]
                found[label(name, part, window)] = out
    return found


PANDAS_WINDOWS = {"1h": "1h", "1d": "1D", "7d": "7D", "30d": "30D"}


def pandas_rolling(frame: pd.DataFrame, at_once: int = 1) -> dict[str, np.ndarray]:
    """The same columns with pandas' groupby-rolling, so many sums at once: one, as mostly written, or all four."""
    asked = frame["row"] >= 0
    rows = frame.loc[asked, "row"].to_numpy()
    found = {}
    for name in ENTITIES:
        for window, span in PANDAS_WINDOWS.items():
            for first in range(0, len(PARTS), at_once):
                parts = PARTS[first : first + at_once]
                rolled = frame.groupby(name)[["t", *parts]].rolling(span, on="t", closed="left").sum()
                rolled = rolled.droplevel(0).sort_index()[asked].fillna(0.0)
                for part in parts:
                    out = np.empty(rows.size, np.int64)
                    out[rows] = rolled[part].to_numpy()
                    found[label(name, part, window)] = out
    return found


def handbook(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The same columns in the fraud handbook's style: a function on each entity's group adds a column at a time."""

    def add_columns(group: pd.DataFrame) -> pd.DataFrame:
        group = group.sort_values("t")
        place = group.index
        group.index = pd.DatetimeIndex(group["t"])
        made = []
        for window, span in PANDAS_WINDOWS.items():
            for part in PARTS:
                made.append(f"{part} {window}")
                group[made[-1]] = list(group[part].rolling(span, closed="left").sum())
        group.index = place
        return group[["row", *made]]

    found = {}
    for name in ENTITIES:
        rolled = frame.groupby(name)[["t", "row", *PARTS]].apply(add_columns)
        rolled = rolled[rolled["row"] >= 0].sort_values("row").fillna(0.0)
        for window in WINDOWS:
            for part in PARTS:
                found[label(name, part, window)] = rolled[f"{part} {window}"].to_numpy().astype(np.int64)
    return found


def floor(submissions: pd.DataFrame, outcomes: pd.DataFrame) -> np.ndarray:
    """The least that has to be done: sort the arrivals, count-sort them by each entity, write the columns."""
    moments = np.concatenate([submissions["submitted_at"].to_numpy("i8"), outcomes["answered_at"].to_numpy("i8")])
    np.argsort(moments, kind="stable")
    out = np.empty((64, len(submissions)), np.float32)
    for name in ENTITIES:
        codes = submissions[name].cat.codes.to_numpy().astype(np.int32)
        group(codes, int(codes.max()) + 1, moments[: codes.size])
    out[:] = 1.0
    return out


class Seconds(NamedTuple):
    """CPU seconds of one run, and how many of them were the system's, which mostly clears memory."""

    all: float
    system: float


def cpu(run: Callable[[], object], times: int = 1) -> tuple[Seconds, object]:
    """The best of several runs, and the last result."""
    best, result = Seconds(np.inf, 0.0), None
    for _ in range(times):
        result = None
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF)
        result = run()
        after = resource.getrusage(resource.RUSAGE_SELF)
        system = after.ru_stime - before.ru_stime
        best = min(best, Seconds(after.ru_utime - before.ru_utime + system, system))
    return best, result


def check_equal(ours: pd.DataFrame, theirs: dict[str, np.ndarray]) -> None:
    """Every column equal: counts exactly, money to the cent."""
    for name, values in theirs.items():
        expected = values / 100 if "_sum_" in name else values.astype(np.float32)
        assert np.array_equal(ours[name].to_numpy(), expected), name


def live(submissions: pd.DataFrame, outcomes: pd.DataFrame) -> tuple[float, float]:
    """Microseconds of CPU per event, and the share of live values that equal the batch's."""
    batch = compute(submissions, outcomes, features=FEATURES)
    micros = {"card": "submitted_at", "answer": "answered_at"}
    events = [(e.kind, {**e.row, micros[e.kind]: e.moment}) for e in entries_of(submissions, outcomes)]
    LiveHistory(FEATURES).take(next(row for kind, row in events if kind == "card"))  # compiled code is read once
    history = LiveHistory(FEATURES)
    rows = []
    gc.collect()  # what making the events left to the collector is none of history's
    start = time.process_time()
    for kind, row in events:
        if kind == "card":
            rows.append(history.take(row)[0])
        else:
            history.answer(row)
    spent = time.process_time() - start
    equal = np.array(rows) == batch.to_numpy(np.float64)
    return spent / len(events) * 1e6, float(equal.mean())


def held(name: str) -> int:
    """Bytes of memory: ``VmRSS`` now, ``VmHWM`` at most since the peak was cleared (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def peak_of(run: Callable[[], pd.DataFrame]) -> float:
    """What a run holds at most beyond what was held before it, as a multiple of its result."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before = held("VmRSS")
    table = run()
    return (held("VmHWM") - before) / float(table.memory_usage(index=False).sum())


def our_cost(rows: int, times: int) -> tuple[Seconds, tuple[pd.DataFrame, pd.DataFrame]]:
    """Print our CPU seconds and memory on W1 at one size; return the seconds and the tables."""
    tables = workload(rows)
    compute(*(table.head(100) for table in tables), features=FEATURES)
    peak = peak_of(lambda: compute(*tables, features=FEATURES))
    spent, _ = cpu(lambda: compute(*tables, features=FEATURES), times)
    print(
        f"cardrisk         {rows:>10,} rows x 64: {spent.all:8.3f} s CPU, {spent.system:.3f} of them the system's; "
        f"peak over output {peak:.2f}",
        flush=True,
    )
    return spent, tables


def scaling(rows: int) -> None:
    """Ours alone at one size and at ten times it: what a row costs more there."""
    few, many = (our_cost(size, 7)[0] for size in (rows, 10 * rows))
    whole, own = many.all / few.all / 10, (many.all - many.system) / (few.all - few.system) / 10
    print(f"ten times the rows cost {whole:.2f} times as much a row; without the system's share {own:.2f}")


def beside(
    every: tuple[pd.DataFrame, pd.DataFrame],
    peer: Callable[[], dict[str, np.ndarray]],
    tables: tuple[pd.DataFrame, pd.DataFrame],
) -> tuple[float, float, float]:
    """Return a peer's CPU seconds over ours, its seconds on as many rows as ours, and ours just before and after it.

    The machine is faster at one time than at another: what is compared stands side by side. A peer gets all rows, or
    few, which it is then charged for by the row.
    """
    turns = [cpu(lambda: compute(*every, features=FEATURES), 2)[0].all]
    spent, columns = cpu(peer)
    turns.append(cpu(lambda: compute(*every, features=FEATURES), 2)[0].all)
    check_equal(compute(*tables, features=FEATURES), columns)
    theirs, own = spent.all * len(every[0]) / len(tables[0]), float(np.mean(turns))
    return theirs / own, theirs, own


FIRST = """
import time
from benchmarks.features import FEATURES, compute, workload
tables = workload(1_000)
start = time.process_time()
compute(*tables, features=FEATURES)
first = time.process_time() - start
compute(*tables, features=FEATURES)
print(first - (time.process_time() - start - first))
"""


def first_call() -> float:
    """CPU seconds that the first call in a new process costs more than the second; the smallest of three."""
    runs = [subprocess.run([sys.executable, "-c", FIRST], cwd=ROOT, check=True, capture_output=True) for _ in range(3)]
    return min(float(run.stdout) for run in runs)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a twentieth of the rows")
    parser.add_argument("--scaling", action="store_true", help="only ours, here and at ten times the rows (12 GB)")
    options = parser.parse_args()
    small = options.small
    rows = 50_000 if small else 1_000_000
    if options.scaling:
        scaling(rows)
        return
    ours, every = our_cost(rows, 3)
    least, _ = cpu(lambda: floor(*every), 3)
    times = ours.all / least.all
    print(f"floor (sorts and writing alone)         : {least.all:8.3f} s CPU; ours is {times:.1f} times it")
    few = workload(5_000 if small else 20_000, seed=1)
    for name, peer, tables in (
        ("Polars rolling", polars_rolling, every),
        ("pandas rolling", pandas_rolling, few),
        ("   four at once", partial(pandas_rolling, at_once=len(PARTS)), few),
        ("handbook style", handbook, few),
    ):
        ratio, spent, own = beside(every, lambda peer=peer, tables=tables: peer(events(*tables)), tables)
        said = "" if tables is every else ", scaled"
        print(
            f"{name}    {len(tables[0]):>9,} rows{said}: {spent:8.1f} s CPU; ratio {ratio:.0f} to ours of {own:.3f} s "
            "before and after it (values equal)",
            flush=True,
        )
    print(f"first call in a new process: {first_call():.2f} s CPU more than the second")
    one, equal = live(*(frame.head(min(rows, 100_000)) for frame in every))
    print(f"live, memory store: {one:.1f} us CPU per event; {equal:.4%} of values equal to batch")
    assert equal == 1.0


if __name__ == "__main__":
    main()
