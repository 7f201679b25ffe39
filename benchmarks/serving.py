"""One card through everything against the bare prediction of its trees.

Prints, from one run on one machine, times of ``Scorer.score`` with the memory store (check, intake boundary, features
from history, trees, calibration, decision, history and record) beside ``Booster.predict`` on one NumPy row, summed over
the boosters that the model holds, and beside MLflow's pyfunc of the same trees where MLflow is installed. Calls take
turns, so that whatever else the machine does falls on all of them alike. The check: the live scores are the bits that
``cardrisk.score`` gives for the same cards as a table.

Run: ``python benchmarks/serving.py [--small]``.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

import cardrisk
from cardrisk.features import FEATURES

KEY = b"a key for this benchmark alone 0123456789"


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


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A card as a service gets it: what is known, as Python values."""
    known = {name: value for name, value in row.items() if value is not None and value == value}
    known.pop("is_synthetic", None)
    return {name: v.to_pydatetime() if isinstance(v, pd.Timestamp) else v for name, v in known.items()}


def in_turns(calls: dict[str, Callable[[int], Any]], count: int) -> dict[str, np.ndarray]:
    """Seconds of each call, one of each in turn."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(count):
        for name, call in calls.items():
            began = time.perf_counter()
            call(i)
            spent[name].append(time.perf_counter() - began)
    return {name: np.array(values) for name, values in spent.items()}


def pyfunc_of(booster: lgb.Booster, row: np.ndarray) -> Callable[[int], Any] | None:
    """MLflow's pyfunc of the failure trees, asked for one row; None without MLflow."""
    try:
        import tempfile

        import mlflow
    except ImportError:
        return None
    folder = tempfile.mkdtemp() + "/model"
    mlflow.lightgbm.save_model(booster, folder)
    loaded = mlflow.pyfunc.load_model(folder)
    frame = pd.DataFrame(row, columns=booster.feature_name())
    return lambda _: loaded.predict(frame)


def check(model: Any, cards: pd.DataFrame) -> None:
    """Live scores must be those of the table."""
    given = [plain(row) for row in cards.to_dict("records")]
    scores = cardrisk.Scorer(model, key=lambda: KEY, reasons="none").score(given)
    table = cardrisk.score(cards, model=model, key=lambda: KEY, reasons="none")
    if [score.p_fail for score in scores] != table["p_fail"].tolist():
        raise SystemExit("live scores differ from the table's: nothing below would mean anything")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer trees and calls")
    small = parser.parse_args().small
    early, late, answers = tables(9 if small else 21)
    model = model_of(early, answers, 40 if small else 400)
    check(model, late.head(100))
    boosters = [
        lgb.Booster(model_str=model.files[name].decode()) for name in ("fail.txt", "cause.txt") if name in model.files
    ]
    row = np.random.default_rng(0).random((1, model.fail.n_features))
    cards = [plain(r) for r in late.to_dict("records")]
    warm, count = 100, min(300 if small else 2_000, len(cards) - 100)
    print(f"{model.fail}, {model.cause}; {len(early):,} cards of history; {count:,} calls of each in turn")
    for reasons in ("none", "stopped"):
        scorer = cardrisk.Scorer(model, key=lambda: KEY, reasons=reasons)
        scorer.backfill(early, answers)
        for card in cards[:warm]:
            scorer.score(card)
        scorer.freeze()
        calls: dict[str, Callable[[int], Any]] = {"one card": lambda i, s=scorer: s.score(cards[warm + i])}
        calls |= {f"predict {j}": lambda _, b=b: b.predict(row, num_threads=1) for j, b in enumerate(boosters)}
        spent = in_turns(calls, count)
        peer = sum(spent[f"predict {j}"] for j in range(len(boosters)))
        for name, quantile in (("p50", 50), ("p99", 99)):
            ours, theirs = np.percentile(spent["one card"], quantile), np.percentile(peer, quantile)
            print(f"reasons={reasons} {name}: {ours * 1e6:.0f} us, predict {theirs * 1e6:.0f} us, {ours / theirs:.2f}")
    pyfunc = pyfunc_of(boosters[0], row)
    if pyfunc is not None:
        theirs = np.median(in_turns({"pyfunc": pyfunc}, 100)["pyfunc"])
        print(f"MLflow pyfunc p50 {theirs * 1e6:.0f} us: {theirs / np.median(spent['one card']):.1f} times one card")


if __name__ == "__main__":
    main()
