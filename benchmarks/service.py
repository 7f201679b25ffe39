"""The service example over HTTP beside ``mlflow models serve`` and beside a bare server around the same trees.

Prints, from one run on one machine, requests a second, latencies and the server's processor time a request: the service
with one and two workers over SQLite and Redis, ``mlflow models serve`` of the same failure trees, and uvicorn around
``Booster.predict`` on one row with two workers and nothing else. One client loads all of them over connections kept
alive, in a process of its own, on the same cores: its share is printed too. The service is asked first without reasons,
of which its peers give none, then with reasons for cards that are stopped: those take about as long as all the rest,
and four in five cards of this load are stopped, for no platform sees so many at once. The check: every request is
answered with status 200, none degraded, and every card stands in history once.

Run: ``python benchmarks/service.py [--small] [--model DIR] [--only PART ...]``; a model is trained into DIR where there
is none. ``--soak 600 --keys 1000000 --rate 500`` runs a steady load instead, in which as many cards leave history as
come (see ``benchmarks/turnover.py``), and prints errors and how much the service's memory grew.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.request import urlopen

import numpy as np
import pandas as pd

import cardrisk
from benchmarks.serving import KEY, model_of, plain
from benchmarks.turnover import TOGETHER, Requests, Turnover, fill, live, postpone, text, trim
from cardrisk.features.stores.base import CARD, open_store
from examples.intake_service import load

ROOT = Path(__file__).parents[1]
READY = 0.0008
"""Seconds a card of history takes to be dated, counted and read by a service; the load begins no earlier."""
SAMPLE, TRIM = 5.0, 6
"""Seconds between looks at memory; looks between trims."""
BARE = """
import json, lightgbm as lgb, numpy as np
boosters = [lgb.Booster(model_file=name) for name in json.loads(open("boosters.json").read())]
async def app(scope, receive, send):
    if scope["type"] != "http":
        while True:
            told = (await receive())["type"]
            await send({"type": told + ".complete"})
            if told == "lifespan.shutdown":
                return
    body = (await receive())["body"]
    row = np.array([json.loads(body)["row"]], np.float64)
    found = [booster.predict(row, num_threads=1).tolist() for booster in boosters]
    out = json.dumps(found).encode()
    size = b"%d" % len(out)
    headers = [(b"content-type", b"application/json"), (b"content-length", size)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": out})
"""


class Bench:
    """Cards, history and a model, and a folder to work in."""

    def __init__(self, folder: Path, small: bool, model: Path | None) -> None:
        days, scale = (9, 0.002) if small else (15, 0.006)
        world = cardrisk.generate(days=days, scale=scale, seed=5)
        cut = world.submissions["submitted_at"].min().floor("D") + pd.Timedelta(days=days * 2 // 3)
        early = (world.submissions["submitted_at"] < cut).to_numpy()
        self.folder, self.past, self.answers = folder, world.submissions[early], world.outcomes
        self.answers = self.answers[self.answers["answered_at"] < cut]
        late = world.submissions[~early].reset_index(drop=True).head(400 if small else 6_000)
        self.bundle = model or folder / "bundle"
        if not self.bundle.exists():
            model_of(self.past, world.outcomes, 40 if small else 400).save(self.bundle)
        rows = [plain(row) for row in late.drop(columns=["submitted_at", "received_at"]).to_dict("records")]
        self.cards = [{name: text(value) for name, value in row.items()} for row in rows]
        delay = pd.Timestamp.now("UTC").floor("s") - cut  # history ends now, and the cards arrive now
        self.past, self.answers = _later(self.past, delay), _later(self.answers, delay)
        self.seconds = 5.0 if small else 15.0
        self.peer = 40 if small else 400

    def filled(self, store: str) -> str:
        """Put the past into a store; returns its URL."""
        with cardrisk.Scorer(str(self.bundle), store=store, key=lambda: KEY) as scorer:
            scorer.backfill(self.past, self.answers)
        return store


def _later(table: pd.DataFrame, delay: pd.Timedelta) -> pd.DataFrame:
    times = [name for name in table if isinstance(table[name].dtype, pd.DatetimeTZDtype)]
    return table.assign(**{name: table[name] + delay for name in times})


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], listens: int, folder: Path, **environ: str) -> Iterator[int]:
    """Run a server until the end of the block; gives its process number."""
    with (folder / "log").open("a") as log:
        server = subprocess.Popen(
            command, cwd=folder, env=os.environ | environ, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(listens, server, folder / "log")
        yield server.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(15)


def _wait(listens: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(24_000):  # a service reads its whole history first
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", listens)) == 0:
                return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise SystemExit(f"a server did not start:\n{log.read_text()[-2_000:]}")


def _all_up(listens: int, workers: int) -> None:
    """Wait until every worker has counted itself in: whoever is up alone takes all connections and keeps them."""
    for _ in range(2_400):
        with suppress(OSError), urlopen(f"http://127.0.0.1:{listens}/metrics", timeout=60) as answer:
            if f"cardrisk_service_workers {workers}\n" in answer.read().decode():
                time.sleep(0.5)  # between counting itself in and listening
                return
        time.sleep(0.05)
    raise SystemExit(f"expected {workers} workers, not all of them started")


def spent(pid: int) -> float:
    """Processor seconds of a process and all its children alive."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(spent(int(child)) for child in below)


def _ask(bodies: list[bytes], listens: int, connections: int, seconds: float) -> load.Result:
    return load._runner()(load.load("127.0.0.1", listens, bodies, connections, seconds))


def measured(bodies: list[bytes], pid: int, listens: int, connections: int, seconds: float, warm: int) -> str:
    """Load a server from another process and say what it did; raises where an answer was none."""
    with get_context("spawn").Pool(1) as pool:
        for _ in range(2):  # both workers, and whatever is made at the first request
            pool.apply(_ask, (bodies[:warm], listens, connections, seconds))
        before = spent(pid)
        result = pool.apply(_ask, (bodies[warm:], listens, connections, seconds))
    each = (spent(pid) - before) / max(1, len(result.latencies)) * 1e6
    if set(result.statuses) != {200} or result.marked:
        raise SystemExit(f"not every request was answered: {result}")
    return f"{result.rate:7,.0f}/s  p50 {result.at(0.5):7.2f} ms  p99 {result.at(0.99):7.2f} ms  server {each:6.0f} us a request, client {result.processor / result.seconds:4.0%} of a core"  # noqa: E501


def service(bench: Bench, store: str, workers: int, reasons: str) -> str:
    """Measure the service; the check is that history holds every card once."""
    listens = port()
    settings = {"store": store, "callers": "open", "model": str(bench.bundle), "port": str(listens)}
    settings |= {"workers": str(workers), "rate": "1e6", "burst": "1000000", "reasons": reasons}
    environ = {f"CARDRISK_SERVICE_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "examples.intake_service"]
    bodies = [load.request("/score", card) for card in bench.cards]
    with running(command, listens, bench.folder, **environ, CARDRISK_KEY=KEY.decode(), PYTHONPATH=str(ROOT)) as pid:
        _all_up(listens, workers)
        said = measured(bodies, pid, listens, 8 * workers, bench.seconds, 100)
    if not store.startswith("memory"):
        journal = open_store(store)
        names = [entry.row["submission_id"] for entry in journal.since(0) if entry.kind == CARD]
        journal.close()
        if len(names) != len(set(names)) or not {card["submission_id"] for card in bench.cards[:200]} <= set(names):
            raise SystemExit("history does not hold every card once: nothing above would mean anything")
    return said


class Watch(Thread):
    """Notes a server's memory, and takes out of its store what left the horizon, as a job beside it would."""

    def __init__(self, pid: int, store: str) -> None:
        super().__init__(daemon=True)
        self._pid, self._store, self._ended = pid, store, Event()
        self.bytes: list[int] = []
        self.trims: list[float] = []

    def run(self) -> None:
        for turn in count():
            self.bytes.append(resident(self._pid))
            if self._ended.wait(SAMPLE):
                break
            if turn % TRIM == TRIM - 1:
                began = time.perf_counter()
                trim(self._store, pd.Timestamp.now("UTC"))
                self.trims.append(time.perf_counter() - began)

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def told(self, base: int, end: int, seen: int) -> str:
        """Say how memory went, and by how much it grew from ``base`` on, when ``seen`` looks had been taken."""
        every = max(1, len(self.bytes) // 24)
        most = max([base, end, *self.bytes[seen:]])
        return (
            f"MiB resident: {' '.join(f'{size / 2**20:.0f}' for size in self.bytes[::every])}\n"
            f"{base / 2**20:,.1f} MiB resident after the warm-up, {end / 2**20:,.1f} at the end: "
            f"{end / base - 1:+.2%}; the most between them {most / base - 1:+.2%}"
        )


def soak(bench: Bench, keys: int, rate: float, seconds: float, warm: float, reasons: str) -> None:
    """Ask a service of one worker over SQLite at a steady rate, while as many cards leave history as come.

    Memory is that of all its processes; it is measured from the end of ``warm`` seconds of the same load on.
    """
    turnover = Turnover(bench.past, bench.answers, keys, rate)
    if rate * (warm + seconds) > turnover.cards:
        raise SystemExit(f"expected more keys: {turnover.cards:,} cards of history last {turnover.cards / rate:.0f} s")
    store = f"sqlite:///{bench.folder}/soak.db?timeout=60"
    filled = pd.Timestamp.now("UTC").ceil("s")
    fill(str(bench.bundle), turnover, filled, store)
    begins = pd.Timestamp.now("UTC").ceil("s") + pd.Timedelta(seconds=round(30 + turnover.cards * READY))
    postpone(store, begins - filled)
    print(f"at the start: {live(store, begins)}", flush=True)
    listens = port()
    settings = {"store": store.replace("=60", "=5"), "callers": "open", "model": str(bench.bundle)}
    settings |= {"port": str(listens), "workers": "1", "rate": "1e6", "burst": "1000000", "reasons": reasons}
    environ = {f"CARDRISK_SERVICE_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "examples.intake_service"]
    with running(command, listens, bench.folder, **environ, CARDRISK_KEY=KEY.decode(), PYTHONPATH=str(ROOT)) as pid:
        _all_up(listens, 1)
        trim(store, begins)
        warming = turnover.load(0, int(rate * warm))
        steady = turnover.load(int(rate * warm), int(rate * seconds))
        with get_context("spawn").Pool(1) as pool:
            pool.apply(time.time)  # whoever asks is up before the first card leaves
            early = (begins - pd.Timestamp.now("UTC")).total_seconds()
            print(f"the first card leaves {early:.0f} s after all was ready", flush=True)
            time.sleep(max(0.0, early))
            first = resident(pid)
            watch = Watch(pid, store)
            watch.start()
            before = pool.apply(_ask_steadily, (listens, rate, warming))
            base, seen = resident(pid), len(watch.bytes)
            print(f"warm-up of {warm:.0f} s: {before}; {first / 2**20:,.0f} to {base / 2**20:,.0f} MiB", flush=True)
            busy = spent(pid)
            result = pool.apply(_ask_steadily, (listens, rate, steady))
            busy = (spent(pid) - busy) / max(1.0, result.seconds)
        end, ended = resident(pid), pd.Timestamp.now("UTC")
        watch.stop()
        counted = _counted(listens)
    print(f"soak of {seconds:.0f} s: {result}, the service {busy:.0%}")
    print(f"at the end: {live(store, ended)}")
    print(f"trimmed {len(watch.trims)} times, {max(watch.trims, default=0.0):.2f} s at most; {counted}")
    print(watch.told(base, end, seen), flush=True)
    if set(result.statuses) != {200} or result.marked:
        raise SystemExit("not every request was answered: the memory above says little")


def _counted(listens: int) -> str:
    """What the service counted of answers."""
    with urlopen(f"http://127.0.0.1:{listens}/metrics", timeout=60) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line.startswith("cardrisk_answers")]
    return "; ".join(line for line in lines if not line.endswith(" 0"))


def _ask_steadily(listens: int, rate: float, requests: Requests) -> load.Result:
    total = rate * (1 + 1 / TOGETHER)  # the requests that bring answers come on top of the cards'
    return load._runner()(load.load("127.0.0.1", listens, requests, 32, load.MOST_SECONDS, total))


def resident(pid: int) -> int:
    """Resident bytes of a process and all its children alive."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident(int(child)) for child in below)


def bare(bench: Bench) -> str:
    """Measure uvicorn around the trees' own library."""
    folder = bench.folder / "bare"
    folder.mkdir()
    files = [
        str(path.resolve()) for path in sorted(bench.bundle.glob("*.txt")) if path.name in ("fail.txt", "cause.txt")
    ]
    (folder / "boosters.json").write_text(json.dumps(files))
    (folder / "bare.py").write_text(BARE)
    listens = port()
    command = [sys.executable, "-m", "uvicorn", "bare:app", "--port", str(listens), "--workers", "2"]
    with running([*command, "--no-access-log", "--log-level", "warning"], listens, folder) as pid:
        time.sleep(3.0)
        bodies = [load.request("/", {"row": _row(bench, i).tolist()}) for i in range(len(bench.cards))]
        return measured(bodies, pid, listens, 16, bench.seconds, 100)


def _row(bench: Bench, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(_booster(bench).num_feature())


_BOOSTERS: dict[Path, Any] = {}


def _booster(bench: Bench) -> Any:
    import lightgbm as lgb

    if bench.bundle not in _BOOSTERS:
        _BOOSTERS[bench.bundle] = lgb.Booster(model_file=str(bench.bundle / "fail.txt"))
    return _BOOSTERS[bench.bundle]


def mlflow_serves(bench: Bench) -> str:
    """Measure ``mlflow models serve`` of the failure trees."""
    import mlflow

    path = bench.folder / "mlflow-model"
    booster = _booster(bench)
    mlflow.lightgbm.save_model(booster, path, pip_requirements=[])
    listens = port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(path), "-p", str(listens)]
    environ = {"MLFLOW_TRACKING_URI": f"sqlite:///{bench.folder}/mlflow.db"}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with running([*command, "--env-manager", "local", "--workers", "2"], listens, bench.folder, **environ) as pid:
        time.sleep(8.0)
        names = booster.feature_name()
        bodies = [
            load.request("/invocations", {"dataframe_split": {"columns": names, "data": [_row(bench, i).tolist()]}})
            for i in range(bench.peer)
        ]
        return measured(bodies, pid, listens, 8, bench.seconds, 16)


@contextmanager
def redis_server(folder: Path) -> Iterator[str | None]:
    """Run a Redis server of the benchmark's own; None where it is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    listens = port()
    command = [program, "--port", str(listens), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with running([*command, "--appendonly", "yes"], listens, folder):
        yield f"redis://127.0.0.1:{listens}/0"


def services(bench: Bench, parts: list[str], reasons: str) -> None:
    """Measure the service over its stores, with one and two workers, and print."""
    print(f"service, reasons={reasons}:")
    if "memory" in parts:
        print(f"  memory, 1 worker            {service(bench, 'memory://', 1, reasons)}", flush=True)
    for workers in (1, 2):
        if "sqlite" in parts:
            store = bench.filled(f"sqlite:///{bench.folder}/history-{reasons}-{workers}.db?timeout=5")
            print(f"  SQLite, {workers} worker(s)         {service(bench, store, workers, reasons)}", flush=True)
        if "redis" in parts:
            folder = bench.folder / f"redis-{reasons}-{workers}"
            folder.mkdir()
            with redis_server(folder) as url:
                if url is None:
                    print("  Redis: redis-server is not installed")
                    continue
                store = bench.filled(f"{url}?prefix=w{workers}&timeout=5")
                print(f"  Redis, {workers} worker(s)          {service(bench, store, workers, reasons)}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer trees and requests")
    parser.add_argument("--model", type=Path, help="a bundle; trained there where there is none")
    parser.add_argument("--only", nargs="+", choices=("sqlite", "redis", "memory", "bare", "mlflow"), help="parts")
    asked = {"nargs": "+", "choices": ("none", "stopped", "all"), "default": ["none", "stopped"]}
    parser.add_argument("--reasons", **asked, help="as Scorer takes them, in turn")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="nothing but a steady load, 600 s at most")
    parser.add_argument("--warm", type=float, default=120.0, help="seconds of load before memory counts")
    parser.add_argument("--keys", type=int, default=1_000_000, help="live keys of the soak")
    parser.add_argument("--rate", type=float, default=500.0, help="cards a second of the soak")
    given = parser.parse_args()
    parts = given.only or ["memory", "sqlite", "redis", "bare", "mlflow"]
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), given.small, given.model)
        if given.soak:
            seconds = min(given.soak, load.MOST_SECONDS - 60)
            soak(bench, given.keys, given.rate, seconds, given.warm, given.reasons[-1])
            return
        print(f"{len(bench.past):,} cards of history, up to {len(bench.cards):,} requests each; {os.cpu_count()} cores")
        for reasons in given.reasons:
            services(bench, parts, reasons)
        if "bare" in parts:
            print(f"bare Booster.predict, 2 w.    {bare(bench)}", flush=True)
        if "mlflow" in parts:
            print(f"mlflow models serve, 2 w.     {mlflow_serves(bench)}", flush=True)


if __name__ == "__main__":
    main()
