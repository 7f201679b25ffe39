"""How fast a world is made: beside a floor that only draws and writes, and beside a row-by-row simulator.

    python benchmarks/world.py [--small]

The floor draws the same columns out of nothing (no people, no causes, no ceiling) and writes the same files with
the same settings: what remains between the two is the price of the model. The row-by-row peer follows the fraud
handbook's simulator: a loop over customers and days that appends transactions to a list. All three run in this
process on one core; then world and floor run on two workers.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cardrisk import facts
from cardrisk.kinds import KINDS
from cardrisk.world import columns, write
from cardrisk.world.codetext import WIDTH, Texts
from cardrisk.world.day import COLUMNS
from cardrisk.world.stream import _Writers

CODE = 16


def _entities(rng: np.random.Generator, prefix: str, digits: int, alive: int, count: int) -> pa.Array:
    names = columns.names(prefix, rng.integers(0, 10 ** min(digits, 12), alive), digits)
    return columns.spread(names, pa.array(rng.integers(0, alive, count, dtype=np.int32)))


def _code(rng: np.random.Generator, count: int) -> pa.Array:
    characters = rng.integers(48, 58, (count, WIDTH), dtype=np.uint8)
    return columns.texts(Texts(characters, np.full(count, CODE)))


def _sized(rng: np.random.Generator, count: int) -> dict[str, pa.Array]:
    null = rng.random(count) > 0.1
    every = count // 4
    micro = np.sort(rng.integers(0, 86_400_000_000, count))
    return {
        "submission_id": columns.names("S", np.arange(count), 15),
        "submitted_at": columns.times(micro),
        "received_at": columns.times(micro + rng.integers(0, 10**6, count), null),
        "channel": columns.chosen(list(facts.CHANNELS), rng.integers(0, 3, count)),
        "card_kind": columns.chosen(list(KINDS), rng.integers(0, len(KINDS), count)),
        "batch_id": _entities(rng, "B", 12, every, count),
        "submitter_id": _entities(rng, "U", 14, every, count),
        "submitter_registered_at": columns.times(micro, null),
        "submitter_credit_score": columns.numbers(np.round(rng.normal(650, 70, count)), null),
        "supplier_id": _entities(rng, "P", 6, every, count),
        "dealer_id": _entities(rng, "D", 5, every, count),
        "store_id": _entities(rng, "T", 6, every, count),
        "client_ip": _entities(rng, "I", 10, every, count),
        "device_id": _entities(rng, "V", 14, every, count),
        "entry_method": columns.chosen(facts.ENTRY_METHODS, rng.integers(0, 5, count)),
        "medium": columns.chosen(facts.MEDIA, rng.integers(0, 2, count)),
        "photo_quality": columns.numbers(rng.random(count), rng.random(count) < 0.15),
        "card_no": _code(rng, count),
        "card_secret": _code(rng, count),
        "face_value": columns.numbers(rng.integers(1, 20, count) * 10.0),
        "asking_price": columns.numbers(np.round(rng.random(count) * 100, 2), null),
        "region_issued": columns.chosen(facts.REGIONS, rng.integers(-10, len(facts.REGIONS), count).clip(-1)),
        "region_of_use": columns.chosen(facts.REGIONS, rng.integers(0, len(facts.REGIONS), count)),
        "valid_until": columns.times(micro, rng.random(count) < 0.3),
        "account_bound": columns.flags(rng.random(count) < 0.1, rng.random(count) < 0.1),
        "is_synthetic": columns.flags(np.ones(count, dtype=bool)),
    }


class FloorDay:
    """Tables of a day with the world's columns and no model behind them."""

    def __init__(self, day: int, count: int) -> None:
        rng = np.random.Generator(np.random.SFC64((3, day)))
        self.submissions = pa.table(_sized(rng, count))
        cause = columns.chosen([facts.OK, *facts.CAUSES], rng.integers(0, 14, count))
        ids = self.submissions["submission_id"]
        chances = {f"p_{name}": columns.numbers(rng.random(count)) for name in facts.CAUSES}
        incident = columns.chosen(["none"], np.full(count, -1))
        fail = columns.numbers(rng.random(count))
        self.truth = pa.table({"submission_id": ids, "cause": cause, "incident": incident, "p_fail": fail} | chances)
        self.outcomes = pa.table(
            {
                "submission_id": ids,
                "answered_at": columns.times(rng.integers(0, 86_400_000_000, count)),
                "status": columns.chosen(facts.STATUSES, rng.integers(0, 4, count)),
                "cause": cause,
                "gateway_code": columns.chosen(list("abcdefgh"), rng.integers(0, 8, count)),
                "gateway_message": columns.chosen(list("abcdefgh"), rng.integers(0, 8, count)),
                "settled_value": columns.numbers(rng.random(count)),
                "label_source": columns.chosen(facts.LABEL_SOURCES, rng.integers(0, 3, count)),
            }
        )
        stopped = int(count * 0.15)
        extra = np.arange(stopped)
        self.stopped = self.submissions.take(pa.array(extra)).append_column("cause", cause.take(pa.array(extra)))


def floor_days(days: int, count: int, workers: int) -> Iterator[FloorDay]:
    if workers == 1:
        yield from (FloorDay(day, count) for day in range(days))
        return
    from joblib import Parallel, delayed

    run = Parallel(n_jobs=workers, return_as="generator", pre_dispatch=2 * workers, batch_size=1)
    yield from run(delayed(FloorDay)(day, count) for day in range(days))


def floor(folder: Path, days: int, count: int, workers: int) -> float:
    """Seconds to draw and write ``days`` of ``count`` cards."""
    begun = time.perf_counter()
    with _Writers(folder) as writers:
        for tables in floor_days(days, count, workers):
            writers.write(tables)  # type: ignore[arg-type]
    return time.perf_counter() - begun


def handbook(cards: int, folder: Path) -> float:
    """Cards a second in the fraud handbook's style: profiles, then a loop over customers and days, row by row.

    It draws as many columns as the world has, codes, answer and true cause included, and writes them to Parquet.
    """
    rng, digits = np.random.default_rng(0), np.array(list("0123456789"))
    kinds, causes = list(KINDS), [facts.OK, *facts.CAUSES]
    begun = time.perf_counter()
    rows: list[dict[str, object]] = []
    customer = 0
    while len(rows) < cards:
        mean, per_day, terminal = rng.uniform(5, 100), rng.uniform(0, 4), rng.integers(0, 1_000)
        for day in range(30):
            for _ in range(rng.poisson(per_day)):
                second = int(rng.normal(43_200, 20_000))
                if not 0 < second < 86_400:
                    continue
                row: dict[str, object] = {name: f"{name}{customer}" for name in COLUMNS}
                row["submission_id"] = f"S{len(rows):015d}"
                row["submitted_at"] = pd.Timestamp(second + day * 86_400, unit="s", tz="UTC")
                row["channel"] = "ecommerce"
                row["card_kind"] = kinds[int(rng.integers(0, len(kinds)))]
                row["store_id"] = f"T{terminal:06d}"
                row["card_no"] = "".join(rng.choice(digits, CODE))
                row["card_secret"] = "".join(rng.choice(digits, CODE))
                row["face_value"] = max(0.0, round(rng.normal(mean, mean / 2), 2))
                row["cause"] = causes[int(rng.integers(0, len(causes)))] if rng.random() < 0.13 else facts.OK
                row["answered_at"] = row["submitted_at"] + pd.Timedelta(seconds=float(rng.lognormal(3.4, 1.5)))
                row["p_fail"] = rng.random()
                rows.append(row)
        customer += 1
    pd.DataFrame(rows).to_parquet(folder / "rows.parquet")
    return len(rows) / (time.perf_counter() - begun)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tenth of the size")
    small = parser.parse_args().small
    scale, days = (0.2, 4) if small else (1.0, 6)
    result = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder, 1 if workers == 1 else 2, scale, 7, workers=workers)  # warm: compiled code, worker start-up
            begun = time.perf_counter()
            said = write(folder, days, scale, 7, workers=workers)
            world = time.perf_counter() - begun
            cards = said["rows"]["submissions"]
            read = pq.read_table(folder / "submissions.parquet")
            if read.num_rows != cards or tuple(read.column_names) != COLUMNS:
                raise SystemExit("the world on disk is not the world in its manifest")
            if not all(channel["cards_outside_incidents"] > 0 for channel in said["channels"].values()):
                raise SystemExit("a channel is empty")
            floor(folder, 2, cards // days, workers)
            plain = floor(folder, days, cards // days, workers)
            names = set(pq.read_schema(folder / "submissions.parquet").names)
            if names != set(COLUMNS):
                raise SystemExit("the floor draws other columns than the world")
            result[workers] = (cards / world, cards / plain)
            print(
                f"{workers} worker(s): world {cards / world:10,.0f} cards/s, floor {cards / plain:10,.0f} cards/s, "
                f"ratio {plain / world:.2f}",
                flush=True,
            )
    with tempfile.TemporaryDirectory() as name:
        rate = handbook(5_000 if small else 20_000, Path(name))
    print(f"row by row (fraud handbook's style): {rate:,.0f} cards/s, the world {result[1][0] / rate:.0f} times that")
    for kind, who in (("this process", resource.RUSAGE_SELF), ("largest worker", resource.RUSAGE_CHILDREN)):
        print(f"peak memory of {kind}: {resource.getrusage(who).ru_maxrss / 2**20:.2f} GiB over {days} days")
    return 0


if __name__ == "__main__":
    sys.exit(main())
