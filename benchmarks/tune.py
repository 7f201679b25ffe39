"""The study that the default parameters come from, and its results.

Worlds of seeds that no other benchmark measures on; every trial is trained at two moments and measured on the time
after each (`cardrisk.risk.tune`). The first trial is the defaults in force. Results of the last full run stand beside
this file in ``tune_results.csv``: a parameter is changed only where a trial beats the defaults on every seed, by more
than the spread between seeds of training. ``--storage`` lets a broken-off study go on.

    python -m benchmarks.tune [--small] [--seeds 11 12] [--days 21] [--scale 0.02] [--trials 16] [--storage URL]
"""

import argparse
import warnings
from pathlib import Path

import pandas as pd

from cardrisk.risk import tune
from cardrisk.world import generate

KEY = b"a key for measurements, not for cards"
RESULTS = Path(__file__).with_name("tune_results.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="one seed, two trials, nothing written")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12])
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--scale", type=float, default=0.02)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--storage", default=None)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    days, scale, trials = (10, 0.005, 2) if given.small else (given.days, given.scale, given.trials)
    tables = {}
    for seed in given.seeds[:1] if given.small else given.seeds:
        world = generate(days=days, scale=scale, seed=seed)
        found = tune(
            world.submissions, world.outcomes, seconds=None, trials=trials, storage=given.storage,
            study=f"cardrisk-{seed}-{days}-{scale}", key=KEY, seed=0,
        )  # fmt: skip
        tables[seed] = found.trials.sort_values("log_loss")
        print(
            f"seed {seed}: log loss {found.default_log_loss:.5f} by default, {found.log_loss:.5f} with {found.params}"
        )
        print(tables[seed].round(4).to_string(index=False), flush=True)
        if found.log_loss > found.default_log_loss:
            raise SystemExit("a study returned something worse than its first trial")
        if not given.small:
            whole = pd.concat(tables, names=["seed"]).reset_index(level=0)
            whole.to_csv(RESULTS, index=False, float_format="%.6g")


if __name__ == "__main__":
    main()
