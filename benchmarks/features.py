"""History features beside what people use today: one workload, values checked equal, ratios printed.

W1: submissions of 60 days by 40,000 submitters (Zipf), 20,000 batches, 300 suppliers and 60,000 addresses; answers
1 hour to 3 days later, 11 % failures; 4 entities x {1 h, 1 d, 7 d, 30 d} x {count, sum, answers known, failures
known} = 64 columns, answers windowed by their own arrival. CPU seconds of one process.
"""

import argparse
import gc
import resource
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from cardrisk.features import FeatureSet, Key, LiveHistory, compute, feature
from cardrisk.features.stores.tables import entries_of

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


def polars_rolling(submissions: pd.DataFrame, outcomes: pd.DataFrame) -> dict[str, np.ndarray]:
    """The same columns with Polars' rolling, over submissions and answers laid in one sorted frame."""
    import polars as pl

    rows = len(submissions)
    entities = {name: submissions[name].cat.codes.to_numpy() for name in ENTITIES}
    cents = np.rint(submissions["face_value"].to_numpy() * 100).astype(np.int64)
    asked = submissions["submitted_at"].to_numpy("datetime64[us]")
    told = outcomes["answered_at"].to_numpy("datetime64[us]")
    failed = (outcomes["status"] == "failed").to_numpy().astype(np.int64)
    zero = np.zeros(rows, np.int64)
    base = pl.DataFrame(
        {
            "t": np.concatenate([asked, told]),
            "row": np.concatenate([np.arange(rows), np.full(rows, -1)]),
            "count": np.concatenate([zero + 1, zero]),
            "sum": np.concatenate([cents, zero]),
            "known": np.concatenate([zero, zero + 1]),
            "failed": np.concatenate([zero, failed]),
            **{name: np.concatenate([codes, codes]) for name, codes in entities.items()},
        }
    ).sort("t")
    found = {}
    for name in ENTITIES:
        for window in WINDOWS:
            sums = [pl.col(part).sum() for part in ("count", "sum", "known", "failed")]
            rolled = base.rolling("t", period=window, closed="left", group_by=name).agg(pl.col("row").last(), *sums)
            # one result per event in group order; the event's own row comes from the same stable order
            own = base.sort(name, maintain_order=True)["row"].to_numpy()
            rolled = rolled.sort(name, maintain_order=True)
            keep = own >= 0
            for part in ("count", "sum", "known", "failed"):
                out = np.empty(rows, np.int64)
                out[own[keep]] = rolled[part].to_numpy()[keep]
                label = f"{name}_sum_face_value_{window}" if part == "sum" else f"{name}_{part}_{window}"
                found[label] = out
    return found


PANDAS_WINDOWS = {"1h": "1h", "1d": "1D", "7d": "7D", "30d": "30D"}


def pandas_rolling(submissions: pd.DataFrame, outcomes: pd.DataFrame) -> int:
    """Pandas' groupby-rolling over submissions and over answers; returns cells computed."""
    asked = submissions.assign(n=1.0)
    told = asked.assign(t=outcomes["answered_at"].to_numpy(), bad=(outcomes["status"] == "failed").to_numpy(float))
    told = told.sort_values("t")
    cells = 0
    for name in ENTITIES:
        for window in PANDAS_WINDOWS.values():
            rolled = asked.groupby(name, observed=True)[[name, "submitted_at", "n", "face_value"]].rolling(
                window, on="submitted_at", closed="left"
            )
            cells += rolled[["n", "face_value"]].sum().size
            rolled = told.groupby(name, observed=True)[[name, "t", "n", "bad"]].rolling(window, on="t", closed="left")
            cells += rolled[["n", "bad"]].sum().size
    return cells


def handbook(submissions: pd.DataFrame, outcomes: pd.DataFrame) -> int:
    """The fraud handbook's style: a Python function applied to each entity's group, one window at a time."""
    told = submissions.assign(
        t=outcomes["answered_at"].to_numpy(), bad=(outcomes["status"] == "failed").to_numpy(float)
    )

    def roll(group: pd.DataFrame, moment: str, value: str) -> int:
        series = group.sort_values(moment).set_index(moment)[value]
        return sum(
            len(series.rolling(window, closed="left").sum()) + len(series.rolling(window, closed="left").count())
            for window in PANDAS_WINDOWS.values()
        )

    cells = 0
    for name in ENTITIES:
        for _, group in told.groupby(name, observed=True):
            cells += roll(group, "submitted_at", "face_value") + roll(group, "t", "bad")
    return cells


def cpu(run: Callable[[], object], times: int = 1) -> tuple[float, object]:
    """Best CPU seconds of several runs, and the last result."""
    best, result = np.inf, None
    for _ in range(times):
        result = None
        gc.collect()
        start = time.process_time()
        result = run()
        best = min(best, time.process_time() - start)
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
    history = LiveHistory(FEATURES)
    rows = []
    start = time.process_time()
    for kind, row in events:
        if kind == "card":
            rows.append(history.take(row)[0])
        else:
            history.answer(row)
    spent = time.process_time() - start
    equal = np.array(rows) == batch.to_numpy(np.float64)
    return spent / len(events) * 1e6, float(equal.mean())


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a twentieth of the rows")
    small = parser.parse_args().small
    rows = 50_000 if small else 1_000_000
    submissions, outcomes = workload(rows)
    compute(submissions.head(100), outcomes.head(100), features=FEATURES)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours, table = cpu(lambda: compute(submissions, outcomes, features=FEATURES), 3)
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    size = table.memory_usage(index=False).sum()
    print(f"cardrisk          {rows:>9,} rows x 64: {ours:8.3f} s CPU; peak over output {peak / size:.2f}")
    theirs, columns = cpu(lambda: polars_rolling(submissions, outcomes))
    check_equal(table, columns)
    print(f"Polars rolling    {rows:>9,} rows x 64: {theirs:8.3f} s CPU; ratio {theirs / ours:.1f} (values equal)")
    few = workload(5_000 if small else 20_000, seed=1)
    for name, peer in (("pandas rolling", pandas_rolling), ("handbook style", handbook)):
        spent, _ = cpu(lambda peer=peer: peer(*few))
        scaled = spent * rows / len(few[0])
        print(f"{name}    {len(few[0]):>9,} rows, scaled: {scaled:8.1f} s CPU; ratio {scaled / ours:.0f}")
    one, equal = live(*(frame.head(min(rows, 100_000)) for frame in (submissions, outcomes)))
    print(f"live, memory store: {one:.1f} us CPU per event; {equal:.4%} of values equal to batch")
    assert equal == 1.0


if __name__ == "__main__":
    main()
