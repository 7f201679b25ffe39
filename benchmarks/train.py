"""What ``train()`` costs beside its parts: features plus a bare ``lightgbm.train`` on the same matrix and settings.

Prints CPU seconds (they do not depend on who else uses the machine) and wall seconds, and checks that the bare
trees are the model's own to the bit.

    python -m benchmarks.train [--small] [--cards 500000]
"""

import argparse
import resource
import time
import warnings
from collections.abc import Callable
from typing import Any

import lightgbm

from cardrisk.features import FEATURES, compute
from cardrisk.risk import train
from cardrisk.risk.boost import Settings
from cardrisk.risk.tables import prepare
from cardrisk.risk.training import train_on
from cardrisk.world import generate

KEY = b"a key for measurements, not for cards"


def timed(what: str, call: Callable[[], Any]) -> tuple[Any, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    spent = time.process_time() - cpu
    print(f"{what:<52} {spent:8.1f} s CPU {time.perf_counter() - wall:8.1f} s")
    return result, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--cards", type=int, default=500_000)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    cards = 20_000 if given.small else given.cards
    world = generate(days=30, scale=cards / 30 / 190_000, seed=11)
    print(f"{len(world.submissions):,} cards")
    small = world.submissions.iloc[:2_000]
    train(small, world.outcomes, key=KEY, params={"rounds": 2})  # compiled code is in place from here on
    model, whole = timed("train(), end to end", lambda: train(world.submissions, world.outcomes, key=KEY, threads=2))
    tables, checks = timed("  check tables, take codes in", lambda: prepare(world.submissions, world.outcomes, key=KEY))
    frame, features = timed("  features", lambda: compute(tables.submissions, tables.outcomes))
    settings = Settings({}, 0, 2)
    again, learning = timed(
        "  train on features", lambda: train_on(frame, tables, settings=settings, declared=FEATURES)
    )
    if again.version != model.version:
        raise SystemExit("the same input gave another model")
    captured: list[tuple[Any, ...]] = []
    bare = bare_lightgbm(frame, tables, settings, captured)
    print(f"\ntrain() / (features + bare lightgbm.train)           {whole / (features + bare):.2f}  (target 1.25)")
    print(f"the same without checking tables and codes           {(whole - checks) / (features + bare):.2f}")
    print(f"train on features / bare lightgbm.train              {learning / bare:.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


def bare_lightgbm(frame: Any, tables: Any, settings: Settings, captured: list[tuple[Any, ...]]) -> float:
    """CPU seconds of the model's own calls of ``lightgbm.train`` (p(fail) and causes), repeated bare."""
    real_train, real_data = lightgbm.train, lightgbm.Dataset

    def data(matrix: Any, target: Any, **options: Any) -> Any:
        captured.append((matrix, target, options))
        return real_data(matrix, target, **options)

    grown: list[tuple[Any, int, str]] = []

    def spy(params: Any, made: Any, **options: Any) -> Any:
        booster = real_train(params, made, **options)
        grown.append((params, options["num_boost_round"], booster.model_to_string()))
        return booster

    lightgbm.train, lightgbm.Dataset = spy, data
    try:
        train_on(frame, tables, settings=settings, declared=FEATURES)
    finally:
        lightgbm.train, lightgbm.Dataset = real_train, real_data
    chosen = [place for place, (params, _, _) in enumerate(grown) if "monotone_constraints" in params]
    chosen.append(len(grown) - 1)

    def bare() -> list[str]:
        texts = []
        for place in chosen:
            matrix, target, options = captured[place]
            params, rounds, _ = grown[place]
            texts.append(real_train(params, real_data(matrix, target, **options), rounds).model_to_string())
        return texts

    texts, spent = timed("  bare lightgbm.train, both boosters", bare)
    ours = [grown[place][2] for place in chosen]
    if [text.split("parameters:")[0] for text in texts] != [text.split("parameters:")[0] for text in ours]:
        raise SystemExit("bare training grew other trees")
    return spent


if __name__ == "__main__":
    main()
