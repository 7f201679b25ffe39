"""What ``train()`` costs beside its parts: features plus a bare ``lightgbm.train`` on the same matrices and settings.

Bare training repeats the two boosters that the model keeps; all else - checking tables, taking codes in, real causes
behind messages, the trees that calibrate - is overhead. Prints CPU seconds (they do not depend on who else uses the
machine), wall seconds and peak memory, and checks that the bare trees are the model's own to the bit.

Bare training is of the two boosters that are kept; the ten others (eight small ones for real causes, one or two that
calibrate) are the library's own cost. Found at 162,511 cards on an idle machine: 1.26 and 1.24, where 1.25
is asked (1.22 and 1.20 without checking tables and codes).

    python -m benchmarks.train [--small] [--cards 500000] [--rounds 300] [--alone]
"""

import argparse
import os
import resource
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# read when LightGBM loads, which is here: threads of both sides sleep while they wait, as they do in `train` alone
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import lightgbm

from cardrisk.features import compute
from cardrisk.risk import train
from cardrisk.risk.tables import prepare
from cardrisk.world import generate

KEY = b"a key for measurements, not for cards"


def timed(what: str, call: Callable[[], Any]) -> tuple[Any, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    spent = time.process_time() - cpu
    print(f"{what:<52} {spent:8.1f} s CPU {time.perf_counter() - wall:8.1f} s", flush=True)
    return result, spent


@contextmanager
def watched() -> Iterator[dict[str, tuple[Any, ...]]]:
    """Keep what the last training of each objective was called with, and its trees as text."""
    real_train, real_data = lightgbm.train, lightgbm.Dataset
    kept: dict[str, tuple[Any, ...]] = {}
    given: dict[int, tuple[Any, ...]] = {}

    def data(matrix: Any, target: Any, **options: Any) -> Any:
        made = real_data(matrix, target, **options)
        given.clear()
        given[id(made)] = (matrix, target, options)
        return made

    def spy(params: Any, made: Any, **options: Any) -> Any:
        booster = real_train(params, made, **options)
        what = "causes" if "num_class" in params else "failures"
        kept[what] = (given.pop(id(made)), params, options["num_boost_round"], booster)
        return booster

    lightgbm.train, lightgbm.Dataset = spy, data
    try:
        yield kept
    finally:
        lightgbm.train, lightgbm.Dataset = real_train, real_data


def again(call: tuple[Any, ...]) -> Any:
    """The same training, bare."""
    (matrix, target, options), params, rounds, _ = call
    return lightgbm.train(params, lightgbm.Dataset(matrix, target, **options), num_boost_round=rounds)


def trees(booster: Any) -> str:
    return str(booster.model_to_string().split("parameters:")[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--cards", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=None, help="other than the default number")
    parser.add_argument("--alone", action="store_true", help="only train(), for time and peak memory at a large size")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    cards = 20_000 if given.small else given.cards
    params = {} if given.rounds is None else {"rounds": given.rounds}
    world = generate(days=30, scale=cards / 30 / 190_000, seed=11)
    print(f"{len(world.submissions):,} cards")
    small = world.submissions.iloc[:2_000]
    train(small, world.outcomes, key=KEY, params={"rounds": 2})  # compiled code is in place from here on
    with watched() as kept:
        _, whole = timed(
            "train(), end to end", lambda: train(world.submissions, world.outcomes, key=KEY, params=params, threads=2)
        )
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"peak memory {used.ru_maxrss / 2**20:.1f} GiB, {used.ru_majflt:,} pages read back from disk")
    if given.alone:
        return
    tables, checks = timed("  check tables, take codes in", lambda: prepare(world.submissions, world.outcomes, key=KEY))
    _, features = timed("  features", lambda: compute(tables.submissions, tables.outcomes))
    bare, learning = {}, 0.0
    for what, call in kept.items():
        bare[what], spent = timed(f"  bare lightgbm.train, {what}", lambda call=call: again(call))
        learning += spent
    print(f"\ntrain() / (features + bare lightgbm.train)           {whole / (features + learning):.2f}  (target 1.25)")
    print(f"the same without checking tables and codes           {(whole - checks) / (features + learning):.2f}")
    if any(trees(bare[what]) != trees(call[-1]) for what, call in kept.items()):
        raise SystemExit("bare training grew other trees")


if __name__ == "__main__":
    main()
