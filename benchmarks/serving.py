"""One card through everything against the bare prediction of its trees; stores, troubles, process start, soak.

Prints, from one run on one machine, times of ``Scorer.score`` (check, intake boundary, features from history, trees,
calibration, decision, history and record) beside ``Booster.predict`` on one NumPy row, summed over the boosters that
the model holds, and beside what MLflow's users have. Calls take turns, so that whatever else the machine does falls on
all of them alike; what a call finds in the processor's caches is then what its peer left there, as in a service that
does other things too. These are loaded by ``mlflow.pyfunc.load_model`` and asked for one row in a frame:

- ``lightgbm, signed``: the failure trees, logged by ``mlflow.lightgbm`` with a signature, as its registry asks for.
  They get features that somebody worked out before, and give one number.
- ``lightgbm, unsigned``: the same without one, which spares it the look at the input's columns.
- ``lightgbm, signed, all boosters``: with the trees of the causes as a second model, one call after the other, since
  a card's answer takes both.
- ``cardrisk``: this library's own model as ``cardrisk.track`` logs it. It gets a card, and does all that
  ``cardrisk.score`` does, without history.

Pandas, which they all run, leaves nothing of ours in the caches: a card is slowed by that peer several times. So that
comparison is printed in turns of one call and in turns of 20 calls, of which most find caches as they left them
themselves. The check: live scores are the bits that ``cardrisk.score`` gives for the same cards as a table.

Run: ``python benchmarks/serving.py [--small] [--keys N] [--only one|stores|troubles|start|soak] [--seconds S]``; the
soak of ten minutes, on a quiet machine: ``--only soak --keys 1000000 --seconds 600``.
"""

import argparse
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread for every peer: a pyfunc offers no other way to ask for it

import lightgbm as lgb
import numpy as np
import pandas as pd

import cardrisk
from cardrisk.features import FEATURES
from cardrisk.scoring.ledger import MemoryLedger
from cardrisk.tables import check_one, check_submissions, known_at_one

KEY = b"a key for this benchmark alone 0123456789"
WARM = 100
NAMED = ("submission_id", "batch_id", "submitter_id", "supplier_id", "device_id")
START = {
    "cardrisk": """
import warnings; warnings.simplefilter("ignore")
import sys, cardrisk
scorer = cardrisk.Scorer(sys.argv[1], reasons="none")
scorer.score({"submission_id": "a", "submitted_at": "2026-01-05T08:00:00Z", "submitter_id": "u"})
""",
    "lightgbm": """
import os, sys, numpy as np, lightgbm
for name in ("fail.txt", "cause.txt"):
    if os.path.exists(os.path.join(sys.argv[1], name)):
        booster = lightgbm.Booster(model_file=os.path.join(sys.argv[1], name))
        booster.predict(np.zeros((1, booster.num_feature())))
""",
}


def tables(days: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cards to learn from, cards to score, and answers."""
    world = cardrisk.generate(days=days, scale=0.002, seed=5)
    cut = world.submissions["submitted_at"].min().floor("D") + pd.Timedelta(days=days * 2 // 3)
    early = (world.submissions["submitted_at"] < cut).to_numpy()
    return world.submissions[early], world.submissions[~early].reset_index(drop=True), world.outcomes


def model_of(cards: pd.DataFrame, answers: pd.DataFrame, rounds: int) -> Any:
    """A model of 400 trees with up to 63 leaves over 60 features, spread evenly over the declarations."""
    groups = ["channel", "family"]
    others = [name for name in FEATURES.names if name not in groups]
    chosen = {*groups, *(others[i] for i in np.linspace(0, len(others) - 1, 58).astype(int))}
    features = FEATURES.select([name for name in FEATURES.names if name in chosen])
    params = {"rounds": rounds, "cause_rounds": 12, "num_leaves": 63, "min_data_in_leaf": 5, "learning_rate": 0.03}
    return cardrisk.train(cards, answers, key=lambda: KEY, features=features, params=params, threads=1)


def many(cards: pd.DataFrame, keys: int) -> pd.DataFrame:
    """The cards again and again under other names, until about ``keys`` values of their keys are live."""
    named = [c for c in NAMED if c in cards]
    live = sum(cards[column].nunique() for column in named)
    copies = [
        cards.assign(**{c: cards[c] + f"-{copy}" for c in named}) if copy else cards
        for copy in range(max(1, round(keys / live)))
    ]
    return pd.concat(copies).sort_values("submitted_at", kind="stable")


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A card as a service gets it: what is known, as Python values."""
    known = {name: value for name, value in row.items() if value is not None and value == value}
    known.pop("is_synthetic", None)
    return {name: v.to_pydatetime() if isinstance(v, pd.Timestamp) else v for name, v in known.items()}


def in_turns(calls: dict[str, Callable[[int], Any]], count: int, run: int = 1) -> dict[str, np.ndarray]:
    """Seconds of each call; ``run`` of each in turn."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for first in range(0, count, run):
        for name, call in calls.items():
            for i in range(first, min(first + run, count)):
                began = time.perf_counter()
                call(i)
                spent[name].append(time.perf_counter() - began)
    return {name: np.array(values) for name, values in spent.items()}


class Ground:
    """A model, its boosters, cards and history: what every part below starts from."""

    def __init__(self, small: bool, keys: int) -> None:
        self.early, self.late, self.answers = tables(9 if small else 21)
        self.model = model_of(self.early, self.answers, 40 if small else 400)
        begins = self.late["submitted_at"].min()  # answers known by then alone: no card finds its own waiting for it
        self.known = self.answers[self.answers["answered_at"] < begins]
        self.past = many(self.early, keys)
        files = [self.model.files[name] for name in ("fail.txt", "cause.txt") if name in self.model.files]
        self.boosters = [lgb.Booster(model_str=text.decode()) for text in files]
        self.row = np.random.default_rng(0).random((1, self.model.fail.n_features))
        rows = [plain(row) for row in self.late.to_dict("records")]
        self.cards = [row for row in rows if isinstance(check_one(row), dict)]  # the world holds refused ones too
        self.count = min(300 if small else 2_000, len(self.cards) - WARM)

    def scorer(self, store: str = "memory://", reasons: Any = "none", past: pd.DataFrame | None = None) -> Any:
        scorer = cardrisk.Scorer(self.model, key=lambda: KEY, reasons=reasons, store=store, clock=None)
        scorer.backfill(self.past if past is None else past, self.known)
        for card in self.cards[:WARM]:
            scorer.score(card)
        scorer.freeze()
        return scorer

    def live_keys(self) -> int:
        """Different values of the keys that history holds."""
        return sum(self.past[column].nunique() for column in NAMED if column in self.past)

    def peers(self) -> dict[str, Callable[[int], Any]]:
        return {f"predict {j}": lambda _, b=b: b.predict(self.row, num_threads=1) for j, b in enumerate(self.boosters)}


def check(ground: Ground) -> None:
    """Live scores must be those of the table."""
    cards = ground.late.head(100)
    given = [plain(row) for row in cards.to_dict("records")]
    scores = cardrisk.Scorer(ground.model, key=lambda: KEY, reasons="none", clock=None).score(given)
    table = cardrisk.score(cards, model=ground.model, key=lambda: KEY, reasons="none")
    if [score.p_fail for score in scores] != table["p_fail"].tolist():
        raise SystemExit("live scores differ from the table's: nothing below would mean anything")


def compare(title: str, scorer: Any, ground: Ground) -> float:
    """Print a scorer's times beside its boosters'; return its median."""
    calls = {"one card": lambda i: scorer.score(ground.cards[WARM + i])} | ground.peers()
    spent = in_turns(calls, ground.count)
    peer = sum(spent[f"predict {j}"] for j in range(len(ground.boosters)))
    for name, quantile in (("p50", 50), ("p99", 99)):
        ours, theirs = np.percentile(spent["one card"], quantile), np.percentile(peer, quantile)
        print(f"{title} {name}: {ours * 1e6:.0f} us, predict {theirs * 1e6:.0f} us, {ours / theirs:.2f}")
    return float(np.median(spent["one card"]))


def one(ground: Ground) -> None:
    """The memory store, with and without reasons, and where the time goes."""
    scorer = None
    for reasons in ("stopped", "none"):
        del scorer  # one history in memory at a time
        scorer = ground.scorer(reasons=reasons)
        compare(f"{ground.live_keys():,} live keys, reasons={reasons}", scorer, ground)
    pyfuncs(scorer, ground)
    del scorer
    stages(ground)


def pyfuncs(scorer: Any, ground: Ground) -> None:
    """MLflow's pyfuncs beside one card, see above."""
    try:
        calls = pyfuncs_of(ground)
    except ImportError:
        return
    count = min(60, len(ground.cards))  # the last of them takes a hundred milliseconds a call
    for run in (1, 20):
        again = [card | {"submission_id": f"again-{run}-{i}"} for i, card in enumerate(ground.cards[:count])]
        spent = in_turns({"one card": lambda i, again=again: scorer.score(again[i])} | calls, count, run)
        ours = np.median(spent["one card"])
        print(f"turns of {run}: one card p50 {ours * 1e6:.0f} us; MLflow pyfunc ", end="")
        print("; ".join(f"{n} {(p := np.median(spent[n])) * 1e6:.0f} us, {p / ours:.1f} times" for n in calls))


def stages(ground: Ground) -> None:
    """Each stage alone, in turn with the bare prediction."""
    road = ground.scorer()._road
    cards = [card for card in map(check_one, ground.cards[WARM:]) if isinstance(card, dict)]
    taken, rows = [], []

    def history(i: int) -> None:
        rows.append(road.history.take(taken[i], known_at_one(cards[i]))[0])

    calls: dict[str, Callable[[int], Any]] = {
        "check": lambda i: check_one(ground.cards[WARM + i]),
        "boundary": lambda i: taken.append(road._intake.one(cards[i])),
        "history": history,
        "judge": lambda i: road._judge.score(taken[i], rows[i]),
    }
    spent = in_turns(calls | ground.peers(), min(ground.count, len(cards)))
    print("stages p50: " + ", ".join(f"{name} {np.median(times) * 1e6:.0f}" for name, times in spent.items()) + " us")


def pyfuncs_of(ground: Ground) -> dict[str, Callable[[int], Any]]:
    """MLflow's pyfuncs by name, each asked for one row.

    Raises
    ------
    ImportError
        MLflow is not there.
    """
    import mlflow

    from cardrisk.registry.signature import input_example
    from cardrisk.registry.signature import signature as signature_of

    frame = pd.DataFrame(ground.row, columns=ground.boosters[0].feature_name())
    signed: list[Any] = []
    for booster in ground.boosters:
        signature = mlflow.models.infer_signature(frame, booster.predict(frame))
        signed.append(_pyfunc(booster, signature))
    found = {"lightgbm, signed": partial(_asked, signed[:1], frame)}
    found["lightgbm, unsigned"] = partial(_asked, [_pyfunc(ground.boosters[0], None)], frame)
    found["lightgbm, signed, all boosters"] = partial(_asked, signed, frame)
    bundle, folder = tempfile.mkdtemp() + "/bundle", tempfile.mkdtemp() + "/model"
    ground.model.save(bundle)
    code = Path(cardrisk.__file__).parent / "registry" / "pyfunc.py"
    mlflow.pyfunc.save_model(folder, python_model=str(code), artifacts={"bundle": bundle}, signature=signature_of())
    found["cardrisk"] = partial(_asked, [mlflow.pyfunc.load_model(folder)], input_example().head(1))
    return found


def _pyfunc(booster: lgb.Booster, signature: Any) -> Any:
    """Save a booster as MLflow does and load it as its users do."""
    import mlflow

    folder = tempfile.mkdtemp() + "/model"
    mlflow.lightgbm.save_model(booster, folder, signature=signature)
    return mlflow.pyfunc.load_model(folder)


def _asked(models: list[Any], frame: pd.DataFrame, _: int) -> Any:
    return [model.predict(frame) for model in models]


@contextmanager
def redis(folder: str) -> Iterator[tuple[subprocess.Popen[bytes], str] | None]:
    """A Redis server of our own, where one is installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        yield server, f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait(10)


def stores(ground: Ground) -> None:
    """SQLite and Redis, each with what it costs to be durable."""
    with tempfile.TemporaryDirectory() as folder, redis(folder) as served:
        urls = {"sqlite": f"sqlite:///{folder}/history.db?timeout=60"}
        if served is not None:
            urls["redis"] = served[1] + "?timeout=60"
        for name, url in urls.items():
            compare(name, ground.scorer(url, past=ground.early), ground)


def troubles(ground: Ground) -> None:
    """How long a card waits for its answer when something is broken; each answer must be held and marked."""
    card = ground.cards[WARM]

    def timed(name: str, scorer: Any) -> None:
        began = time.perf_counter()
        score = scorer.score(card | {"submission_id": name})
        spent = time.perf_counter() - began
        if score.decision != "hold" or score.degraded is None:
            raise SystemExit(f"{name}: expected a card that is held and marked, got {score}")
        print(f"{name:14s} held as {score.degraded!r} after {spent * 1e3:.2f} ms")

    with tempfile.TemporaryDirectory() as folder, redis(folder) as served:
        timed("no bundle", cardrisk.Scorer(f"{folder}/none", key=lambda: KEY, start="degraded"))
        now = [2e9]
        scorer = cardrisk.Scorer(ground.model, key=lambda: KEY, clock=lambda: now[0])
        now[0] -= 3_600.0
        timed("clock back", scorer)
        scorer = cardrisk.Scorer(ground.model, key=lambda: KEY, store=f"sqlite:///{folder}/h.db", clock=None)
        scorer.score(card)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        largest = max(file.stat().st_size for file in Path(folder).glob("h.db*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 1, hard))
        timed("disk full", scorer)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        if served is not None:
            for name, stop in (("server hangs", 19), ("server gone", 9)):
                scorer = cardrisk.Scorer(ground.model, key=lambda: KEY, store=served[1], clock=None)
                scorer.score(card)
                served[0].send_signal(stop)
                time.sleep(0.2)
                timed(name, scorer)
                served[0].send_signal(18)


def start(ground: Ground) -> None:
    """Whole processes, from nothing to the first score, with compiled code and bytecode cached: CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        ground.model.save(f"{folder}/model")
        warm = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        best = dict.fromkeys(START, np.inf)
        for _ in range(4):
            for name, code in START.items():
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run([sys.executable, "-c", code, f"{folder}/model"], env=warm, check=True)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                best[name] = min(best[name], spent)
    ours, theirs = best["cardrisk"], best["lightgbm"]
    print(f"process start to first score: {ours:.2f} s, lightgbm's {theirs:.2f} s, {ours / theirs:.2f}")


def resident() -> int:
    """Bytes of memory this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def recorded(scorer: Any, card: dict[str, Any]) -> None:
    """Give every card of history a record, as if it had been scored here: then as many records leave as come.

    They are kept in the order of their moments, as they would have been: the oldest is the first to leave.
    """
    name = scorer.score(card).submission_id
    road = scorer._road
    like = road.ledger.find(name)
    road.ledger = MemoryLedger()
    road.ledger.enter(road.context)
    for entry in road.history.store.since(0):
        if entry.kind == "card":
            score = replace(like.score, submission_id=entry.row["submission_id"], causes=dict(like.score.causes))
            row = bytes(bytearray(like.row))
            road.ledger.keep([like._replace(moment=entry.moment, card=dict(entry.row), row=row, score=score)])


def soak(ground: Ground, seconds: int, rate: int = 500) -> None:
    """Cards at a steady rate while as many leave history as enter it: memory must not grow.

    History spans 90 days; each new card is dated so much later than the one before it that one old card leaves, and
    it is that old card again under another name: what is known of people and suppliers stays as much as it was. The
    clock starts when every card of history has been replaced once, as fast as it goes: rows filled in from a table
    share texts that cards handed in one by one do not, about a kilobyte a card.
    """
    past = ground.past.iloc[check_submissions(ground.past).rows]
    step = timedelta(days=90) / len(past)
    times = pd.Series(pd.date_range(past["submitted_at"].min(), periods=len(past), freq=pd.Timedelta(step)), past.index)
    past = past.assign(submitted_at=times.to_numpy(), received_at=pd.NaT)
    scorer = cardrisk.Scorer(ground.model, key=lambda: KEY, reasons="none", clock=None)
    scorer.backfill(past, ground.answers.head(0))
    recorded(scorer, ground.cards[0] | {"submitted_at": times.max().to_pydatetime(), "received_at": None})
    now, done, base = times.max().to_pydatetime(), 0, 0
    settle, began = len(past), time.perf_counter()
    while done <= settle or time.perf_counter() - began < seconds:
        if done % 500 == 0:
            at = done % len(past)
            cards = [plain(row) for row in past.iloc[at : at + 500].to_dict("records")]
        card = cards[done % 500 % len(cards)] | {"submission_id": f"soak-{done}", "submitted_at": now + step}
        now += step
        card.pop("valid_until", None)
        score = scorer.score(card)
        if score.p_fail is None:
            raise SystemExit(f"a card was not scored: {score}")
        done += 1
        if done == settle:
            scorer.freeze()
            base, began = resident(), time.perf_counter()
        wait = began + (done - settle) / rate - time.perf_counter()
        if wait > 0 and done > settle:
            time.sleep(wait)
    end, done = resident(), done - settle
    print(
        f"soak: {done:,} cards in {seconds} s ({done / seconds:.0f} of {rate} a second) over {len(past):,} live ones "
        f"with {ground.live_keys():,} keys; resident memory {base / 2**20:.0f} MiB, "
        f"{end / 2**20:.0f} MiB at the end: {100 * (end / base - 1):+.2f} %"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer trees and calls")
    parser.add_argument("--keys", type=int, default=0, help="live keys; the cards' own unless given")
    parser.add_argument("--only", choices=["one", "stores", "troubles", "start", "soak"], help="this part alone")
    parser.add_argument("--seconds", type=int, default=120, help="of soak")
    given = parser.parse_args()
    ground = Ground(given.small, given.keys)
    check(ground)
    print(
        f"{ground.model.fail}, {ground.model.cause}; {len(ground.past):,} cards of history; {ground.count:,} calls each"
    )
    parts: dict[str, Callable[[], None]] = {
        "one": lambda: one(ground),
        "stores": lambda: stores(ground),
        "troubles": lambda: troubles(ground),
        "start": lambda: start(ground),
        "soak": lambda: soak(ground, given.seconds),
    }
    for name, part in parts.items():
        if given.only == name or (given.only is None and name != "soak"):
            part()


if __name__ == "__main__":
    main()
