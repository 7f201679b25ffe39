"""Trees without LightGBM beside LightGBM itself: one row, a batch, contributions, and the start of a process.

Prints CPU times and the ratio to each peer, all in one run, each the least of several passes on one core. Checks that
predictions are LightGBM's to the bit and contributions to 1e-9.

    python benchmarks/trees.py [--small]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd

from cardrisk.risk.trees import Ensemble, kernels, parse

START = {
    "cardrisk": """
import numpy as np, sys
from cardrisk.risk.trees import parse
with open(sys.argv[1], "rb") as file:
    ensemble = parse(file.read())
ensemble.predict_row(np.zeros(ensemble.n_features))
""",
    "lightgbm": """
import numpy as np, sys, lightgbm
booster = lightgbm.Booster(model_file=sys.argv[1])
booster.predict(np.zeros((1, booster.num_feature())))
""",
    "numba alone": """
import numpy as np, sys, numba
""",
}


def train(trees: int, categorical: int) -> tuple[lightgbm.LGBMClassifier, np.ndarray]:
    """A model of 63 leaves over 60 features, with missing values, and 4,096 rows to ask about."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 60))
    X[:, :categorical] = rng.integers(0, np.resize([3, 8, 20, 60, 200], categorical), (X.shape[0], categorical))
    X[:, 10:20] = np.exp(2 * X[:, 10:20])
    X[:, 20:30] = np.round(3 * X[:, 20:30])
    X[rng.random(X.shape) < 0.1] = np.nan
    known = np.nan_to_num(X)
    score = np.tanh(known[:, categorical:]) @ rng.normal(size=60 - categorical) + known[:, 30] * known[:, 31]
    for k in range(categorical):
        score += rng.normal(size=201)[known[:, k].astype(int)]
    y = rng.random(X.shape[0]) < 1 / (1 + np.exp(-score / 2))
    model = lightgbm.LGBMClassifier(n_estimators=trees, num_leaves=63, learning_rate=0.05, n_jobs=1, verbose=-1)
    model.fit(X, y, categorical_feature=list(range(categorical)))
    return model, X[:4096]


def cpu() -> float:
    """CPU seconds of this process and of those it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def least(runs: dict[str, Callable[[], object]], passes: int) -> dict[str, float]:
    """CPU seconds of the fastest pass of each run, the runs taking turns so that all meet the same machine."""
    found: dict[str, float] = dict.fromkeys(runs, np.inf)
    for _ in range(passes):
        for name, run in runs.items():
            start = cpu()
            run()
            found[name] = min(found[name], cpu() - start)
    return found


def line(what: str, ours: float, peer: str, theirs: float, unit: str, scale: float) -> None:
    beside = f"{peer} {theirs * scale:9.2f} {unit}   {theirs / ours:6.1f} times faster"
    print(f"  {what:26s} {ours * scale:9.2f} {unit}   {beside}")


def compare(title: str, model: lightgbm.LGBMClassifier, X: np.ndarray, passes: int) -> None:
    print(title)
    booster = model.booster_
    text = booster.model_to_string().encode()
    ensemble = parse(text)
    check(booster, ensemble, X)
    rows, singles = list(X[:1000]), [X[k : k + 1] for k in range(1000)]
    frames = [pd.DataFrame(row, columns=booster.feature_name()) for row in singles[:100]]
    out, t = np.empty(1), ensemble.tables
    call = (*t, out, ensemble.link, ensemble.slope)
    found = least(
        {
            "read": lambda: parse(text),
            "row": lambda: [ensemble.predict_row(row) for row in rows * 4],
            "compiled row": lambda: [kernels.predict_row(row, *call) for row in rows * 4],
            "their row": lambda: [booster.predict(row, num_threads=1) for row in singles],
            "wrapped row": lambda: [model.predict_proba(frame) for frame in frames],
            "batch": lambda: ensemble.predict(X),
            "their batch": lambda: booster.predict(X, num_threads=1),
            "reasons": lambda: [ensemble.contributions(row) for row in singles[:200]],
            "their reasons": lambda: booster.predict(X[:100], pred_contrib=True, num_threads=1),
        },
        passes,
    )
    print(f"  reading {len(text) / 1e6:.1f} MB: {found['read'] * 1e3:.0f} ms")
    theirs = found["their row"] / 1000
    line("one row", found["row"] / 4000, "Booster.predict", theirs, "us", 1e6)
    line("one row, compiled call", found["compiled row"] / 4000, "Booster.predict", theirs, "us", 1e6)
    line("one row", found["row"] / 4000, "LGBMClassifier ", found["wrapped row"] / 100, "us", 1e6)
    n = len(X)
    line(f"{n} rows, per row", found["batch"] / n, "Booster.predict", found["their batch"] / n, "us", 1e6)
    line("contributions, one row", found["reasons"] / 200, "pred_contrib   ", found["their reasons"] / 100, "ms", 1e3)


def check(booster: lightgbm.Booster, ensemble: Ensemble, X: np.ndarray) -> None:
    """Stop if anything differs."""
    expected = booster.predict(X, num_threads=1)
    one_by_one = np.array([ensemble.predict_row(row)[0] for row in X])
    if not (np.array_equal(ensemble.predict(X), expected) and np.array_equal(one_by_one, expected)):
        sys.exit("predictions differ from LightGBM's")
    gap = np.abs(ensemble.contributions(X[:200]) - booster.predict(X[:200], pred_contrib=True, num_threads=1)).max()
    if gap > 1e-9:
        sys.exit(f"contributions differ from LightGBM's by {gap}")
    print(f"  {len(X)} predictions equal to the bit, contributions to {gap:.0e}")


def start(booster: lightgbm.Booster, passes: int) -> None:
    """Whole processes, from nothing to the first score, with compiled code cached."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model.txt")
        model.write_text(booster.model_to_string())

        def run(name: str) -> Callable[[], object]:
            command = [sys.executable, "-W", "ignore", "-c", START[name], str(model)]
            return lambda: subprocess.run(command, check=True)

        times = least({name: run(name) for name in START}, passes)
    print("process start to first score")
    line("import, read, one row", times["cardrisk"], "import lightgbm, load, predict", times["lightgbm"], "s", 1)
    print(f"  of which importing numba   {times['numba alone']:9.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="60 trees instead of 400, fewer passes")
    small = parser.parse_args().small
    trees, passes = (60, 3) if small else (400, 7)
    model, X = train(trees, 0)
    compare(f"{trees} trees x 63 leaves x 60 numeric features", model, X, passes)
    mixed, Z = train(trees, 10)
    compare(f"{trees} trees x 63 leaves x 60 features, 10 of them categorical", mixed, Z, passes)
    start(model.booster_, passes)


if __name__ == "__main__":
    main()
