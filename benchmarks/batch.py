"""A job over more and more rows: its memory, and its processor time beside its parts measured apart.

The same days of a synthetic world come again and again, later and under new ids, so that rows grow and the rate
does not. The job must cost at most 1.3 times what contract, boundary, features, trees and decision cost apart, in
one process that holds everything, just before and just after it; its memory must not grow with the rows. Apart, they
get the same rows as the job, up to a million: what a row's features cost grows with the rows. Beside it stands what one
copy of the world, a quarter of a million rows, says.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

KEY = "a key for this benchmark, 0123456789 abcdefghij"
EACH = 5 << 28
"""Bytes that the parts take for each copy of the world, all of which one process holds."""
FEW = 4
"""Copies of the world that are a million rows."""
JOB = """
import sys
from cardrisk.jobs.batch.context import Limits
from cardrisk.jobs.score import run
if __name__ == "__main__":
    cards, history, out, piece, part, small, workers = sys.argv[1:]
    limits = Limits(int(piece), int(part), int(small))
    asked = {"cards": cards, "history": history, "out": out, "workers": int(workers), "limits": limits}
    run(**asked, model=None, reasons="none", alone=True)
"""


def copied(world: object, copy: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the world's submissions and outcomes once more, so many times its days later and under new ids."""
    moments = world.submissions["submitted_at"]
    later = pd.Timedelta(days=1) * (1 + (moments.max() - moments.min()).days) * copy
    tables = []
    for frame in (world.submissions, world.outcomes):
        moved = frame.assign(submission_id=frame["submission_id"] + f"-{copy}" if copy else frame["submission_id"])
        for name in moved.columns:
            if isinstance(moved[name].dtype, pd.DatetimeTZDtype):
                moved[name] = moved[name] + later
        tables.append(moved)
    return tables[0], tables[1]


def write(folder: Path, world: object, copies: int) -> Path:
    """Write input and history of ``copies`` times the world's rows; half of the first copy is history."""
    data = folder / f"data{copies}"
    data.mkdir()
    half = len(world.submissions) // 2
    world.submissions.iloc[:half].to_parquet(data / "submissions.parquet")
    cards, told = folder / f"cards{copies}.parquet", data / "outcomes.parquet"
    writers: dict[Path, pq.ParquetWriter] = {}
    for copy in range(copies):
        submissions, outcomes = copied(world, copy)
        for path, frame in ((cards, submissions if copy else submissions.iloc[half:]), (told, outcomes)):
            table = pa.Table.from_pandas(frame, preserve_index=False)
            if path not in writers:
                writers[path] = pq.ParquetWriter(path, table.schema)
            writers[path].write_table(table.cast(writers[path].schema), row_group_size=1 << 17)
    for writer in writers.values():
        writer.close()
    return cards


def memory(pid: int, spent: dict[int, tuple[float, float]]) -> tuple[int, int]:
    """Return proportional memory of a process and all below it: of its own, and mapped files, in bytes.

    Seconds of processor of each, own and the system's, are written to ``spent``: workers are no children of the job,
    so that nobody's account of children has them.
    """
    own = mapped = 0
    todo = [pid]
    while todo:
        one = todo.pop()
        try:
            told = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks = os.sysconf("SC_CLK_TCK")
            spent[one] = int(told[11]) / ticks, int(told[12]) / ticks
            lines = dict(line.split(":", 1) for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()[1:])
            own += int(lines["Pss_Anon"].split()[0]) * 1024
            mapped += (int(lines["Pss"].split()[0]) - int(lines["Pss_Anon"].split()[0])) * 1024
            for task in Path(f"/proc/{one}/task").iterdir():
                todo += [int(child) for child in (task / "children").read_text().split()]
        except (OSError, ValueError, KeyError):
            continue
    return own, mapped


def run(program: Path, cards: Path, out: Path, limits: list[int], workers: int) -> tuple[float, float, float, int, int]:
    """Run the job; returns seconds, seconds of processor, those of them the system's, and the peaks of memory."""
    data = cards.with_name(cards.stem.replace("cards", "data"))
    arguments = [str(cards), str(data), str(out), *map(str, limits), str(workers)]
    started, seconds = time.perf_counter(), dict[int, tuple[float, float]]()
    environment = {**os.environ, "CARDRISK_KEY": KEY, "OMP_NUM_THREADS": "1"}
    job = subprocess.Popen([sys.executable, str(program), *arguments], env=environment, stderr=subprocess.DEVNULL)
    peak = [0, 0]

    def watch() -> None:
        while job.poll() is None:
            own, mapped = memory(job.pid, seconds)
            peak[0], peak[1] = max(peak[0], own), max(peak[1], own + mapped)
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert job.wait() == 0
    watcher.join()
    took = time.perf_counter() - started
    own, system = (sum(each[i] for each in seconds.values()) for i in (0, 1))
    return took, own + system, system, peak[0], peak[1]


def apart(world: object, copies: int) -> dict[str, float]:
    """Return microseconds of processor a row: each part of the work over some copies, in memory, second run."""
    from cardrisk.codes import intake
    from cardrisk.features import compute
    from cardrisk.risk import load_model
    from cardrisk.scoring.assemble import judge
    from cardrisk.tables import check_outcomes, check_submissions

    model, key = load_model(None), KEY.encode
    tables = zip(*(copied(world, copy) for copy in range(copies)), strict=True)
    submissions, outcomes = (pd.concat(frames, ignore_index=True) for frames in tables)
    rows = len(submissions)
    spent: dict[str, float] = {}
    for _ in range(2):
        clock = [time.process_time()]
        checked = check_submissions(submissions).valid
        answers = check_outcomes(outcomes).valid
        clock.append(time.process_time())
        taken = intake(checked, key=key)
        clock.append(time.process_time())
        features = compute(taken, answers, features=model.features)
        clock.append(time.process_time())
        judge(model, features, taken, None)
        clock.append(time.process_time())
        names = ("contract", "boundary", "features", "trees and decision")
        spent = {name: (b - a) / rows * 1e6 for name, a, b in zip(names, clock[:-1], clock[1:], strict=True)}
    return spent


def apart_at_once(world: object, copies: int, workers: int) -> dict[str, float]:
    """Return what :func:`apart` finds in as many processes at once, in the mean; in fewer where memory holds fewer."""
    workers = max(1, min(workers, held_at_once() // copies))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        found = list(pool.map(apart, [world] * workers, [copies] * workers))
    return {name: sum(each[name] for each in found) / workers for name in found[0]}


def held_at_once() -> int:
    """Return how many copies of the world memory holds: whole millions of rows."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return max(int(lines["MemAvailable"].split()[0]) * 1024 // EACH // FEW, 1) * FEW


def whole_of(parts: dict[str, float], rows: int, past: int) -> float:
    """Return microseconds of all parts: rows of history take all of them but the last."""
    return sum(parts.values()) * rows + (sum(parts.values()) - parts["trees and decision"]) * past


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--copies", type=int, nargs="+", default=None, help="how often the world's rows come")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    import cardrisk
    from cardrisk.jobs.batch.context import Limits

    days, scale = (10, 0.01) if asked.small else (30, 0.044)
    copies = asked.copies or ([1, 4] if asked.small else [4, 16, 80])
    limits = [4_096, 15_000, 0] if asked.small else [Limits().piece, Limits().part, 0]
    world = cardrisk.generate(days=days, scale=scale, seed=3)
    folder = Path(tempfile.mkdtemp(prefix="cardrisk-batch-"))
    try:
        program = folder / "job.py"
        program.write_text(JOB)
        if asked.small:
            whole = write(folder, world, 1)
            run(program, whole, folder / "memory.parquet", [1, 1, 10**9], 1)
            run(program, whole, folder / "pieces.parquet", limits, asked.workers)
            assert (folder / "memory.parquet").read_bytes() == (folder / "pieces.parquet").read_bytes()
            print("the bytes of pieces are those of the whole")
            shutil.rmtree(folder / "data1")
        before: dict[int, dict[str, float]] = {}
        for many in copies:
            held = {min(many, FEW), min(many, held_at_once())}
            before |= {some: apart_at_once(world, some, asked.workers) for some in held - before.keys()}
            cards = write(folder, world, many)
            rows = pq.ParquetFile(cards).metadata.num_rows
            runs = [
                run(program, cards, folder / "out.parquet", limits, asked.workers) for _ in range(1 + 2 * (many <= FEW))
            ]
            took, spent, system, own, whole_memory = (sorted(each)[len(runs) // 2] for each in zip(*runs, strict=True))
            past, ratios = len(world.submissions) // 2, []
            for some in sorted(held, reverse=True):
                after = apart_at_once(world, some, asked.workers)  # machines change their pace within minutes
                parts, before[some] = {name: (before[some][name] + after[name]) / 2 for name in after}, after
                told = "; ".join(f"{name} {micros:.1f}" for name, micros in parts.items())
                held_rows = some * len(world.submissions)
                print(f"{told} microseconds a row, apart, {held_rows:,} rows in a process")
                ratios.append(f"{spent * 1e6 / whole_of(parts, rows, past):.2f} times its parts over {held_rows:,}")
            print(
                f"{rows:>10,} rows after {past:,} of history: {took:7.1f} s, {spent / rows * 1e6:6.1f} us of processor "
                f"a row ({system / rows * 1e6:.1f} of them the system's), {', '.join(ratios)}; "
                f"peak memory of all processes {own / 1e6:,.0f} MB, with mapped files {whole_memory / 1e6:,.0f} MB",
                flush=True,
            )
            cards.unlink()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
