"""The Spark engine beside the local one: the same files in, the same bytes out, both times, how the work spread.

Spark pays for moving tables between processes; on one machine it is slower than the local engine by that much. What
it buys is more machines: the spread says how evenly they would be used.

    python benchmarks/spark.py --small
    python benchmarks/spark.py --rows 1000000
"""

import argparse
import contextlib
import filecmp
import io
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
ROW_GROUP = 50_000
DAYS = 21
TILE = 100_000


def tables(folder: Path, rows: int) -> tuple[Path, Path, int]:
    """Write cards and history: a world over and over, each time with people and days of its own."""
    import cardrisk

    tile = min(rows, TILE)
    world = cardrisk.generate(days=DAYS, scale=1.6 * tile / (190_000 * DAYS), seed=3)
    moment = world.submissions["received_at"].fillna(world.submissions["submitted_at"])
    past = (moment.rank(method="first") <= len(moment) - tile).to_numpy()
    history = folder / "history"
    history.mkdir()
    world.submissions[past].to_parquet(history / "submissions.parquet", row_group_size=ROW_GROUP, index=False)
    world.outcomes.to_parquet(history / "outcomes.parquet", row_group_size=ROW_GROUP, index=False)
    cards = folder / "cards.parquet"
    now, writer, written = world.submissions[~past], None, 0
    for number in range(-(-rows // len(now))):
        part = shifted(now, number).head(rows - written)
        table = pa.Table.from_pandas(part, preserve_index=False)
        writer = writer or pq.ParquetWriter(cards, table.schema)
        writer.write_table(table, row_group_size=ROW_GROUP)
        written += len(part)
    assert writer is not None
    writer.close()
    return cards, history, written


def shifted(cards: pd.DataFrame, number: int) -> pd.DataFrame:
    """The same cards some days later, under other names."""
    if number == 0:
        return cards
    ids = ["submission_id", "batch_id", "submitter_id", "supplier_id", "dealer_id", "store_id", "device_id"]
    times = ["submitted_at", "received_at", "valid_until"]
    later = {name: cards[name] + f"-{number}" for name in ids}
    return cards.assign(**later, **{name: cards[name] + pd.Timedelta(days=DAYS * number / 4) for name in times})


def timed(engine: str, given: dict[str, Any], out: Path, **more: object) -> float:
    """Wall seconds of one engine from files to files."""
    from cardrisk.jobs import score, spark

    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        (spark.run if engine == "spark" else score.run)(**given, out=str(out), **more)
    return time.perf_counter() - start


def spread(load: pd.DataFrame) -> str:
    """Rows per task of each stage: how many tasks and processes, and the largest against the middle one."""
    lines = [f"{'stage':>10} {'tasks':>6} {'pids':>5} {'rows':>12} {'largest':>10} {'max/median':>11}"]
    for stage, tasks in load.groupby("stage", sort=False):
        rows = tasks["rows"]
        worst = rows.max() / max(rows.median(), 1)
        lines.append(
            f"{stage:>10} {len(rows):>6} {tasks['pid'].nunique():>5} {rows.sum():>12,} {rows.max():>10,} {worst:>11.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="10,000 rows")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--tasks", type=int, default=None)
    parser.add_argument("--reasons", choices=("none", "stopped"), default="none", help="they cost many times the rest")
    parser.add_argument("--once", action="store_true", help="no second, warm run on Spark")
    args = parser.parse_args()
    from tests.jobs.spark_cluster import cluster, why_not

    if why_not() is not None:
        print(f"spark: not measured, {why_not()}")
        return
    rows = 10_000 if args.small else args.rows
    os.environ["CARDRISK_KEY"] = secrets.token_hex(32)
    loads: list[pd.DataFrame] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cards, history, rows = tables(folder, rows)
        given = {"cards": str(cards), "history": str(history), "model": None, "reasons": args.reasons}
        local = timed("local", given, folder / "local.parquet")
        with cluster(folder / "spark") as session:
            session.conf.set("spark.sql.files.maxPartitionBytes", "128m")
            start = timed("spark", given, folder / "spark.parquet", tasks=args.tasks, watch=loads.append)
            again = []
            if not args.once:
                again.append(timed("spark", given, folder / "spark.parquet", tasks=args.tasks, watch=loads.append))
        same = all(
            filecmp.cmp(folder / f"local.parquet{end}", folder / f"spark.parquet{end}", shallow=False)
            for end in ("", ".quarantine")
        )
    print(f"{rows:,} cards, files to files, wall seconds; two executors of one core, the local engine on all cores")
    print(f"  local {local:8.1f} s")
    for seconds, when in zip([start, *again], ("the first time", "again"), strict=False):
        print(f"  spark {seconds:8.1f} s {when}: {seconds / local:.1f} times the local engine")
    print(f"  the same bytes: {same}")
    print(spread(loads[-1]))
    assert same


if __name__ == "__main__":
    main()
