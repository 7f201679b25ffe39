"""What lands from a file's bytes is what is added from a frame; and whose events are dealt."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.features import FEATURES
from cardrisk.features.arrays import NULL
from cardrisk.features.parts import RESUBMITTED, Rows, part_plan
from cardrisk.jobs.batch.box import Box
from cardrisk.jobs.batch.context import covers
from cardrisk.jobs.batch.judging import _land
from cardrisk.jobs.batch.settling import ROW
from cardrisk.jobs.batch.writing import Writer
from tests.features import worlds


def results(rng, seq):
    """What every key, and one fact, says of some rows and of others that nobody asks about."""
    declared = {feature.name: feature.dtype for feature in FEATURES}
    said = [part.columns for part in part_plan(FEATURES).parts] + [(RESUBMITTED, "what nobody reads")]
    for names in said:
        mine = np.unique(rng.choice(np.concatenate([seq, seq + 1, [0, 2**50]]), seq.size))
        columns = {"seq": mine}
        for name in names:
            few = rng.integers(-2, 300, mine.size)
            gaps = rng.random(mine.size) < rng.choice([0, 0.3])
            if declared.get(name, "int64") == "int64":
                columns[name] = np.where(gaps, NULL, few * rng.choice([1, 2**40]))
            else:
                columns[name] = np.where(gaps, np.nan, few * rng.choice([1, 0.1])).astype(declared[name])
        yield pd.DataFrame(columns)


@pytest.mark.parametrize("apart", [1, 1_000])
def test_what_lands_is_what_is_added(tmp_path, full_or, apart):
    for seed in range(full_or(40, 4)):
        rng = np.random.default_rng([8, seed])
        cards, _ = worlds.tables(rng)
        seq = np.sort(rng.choice(100 * apart, len(cards), replace=False)) + 7
        added, landed = (Rows(cards, seq, FEATURES) for _ in range(2))
        for number, found in enumerate(results(rng, seq)):
            out = Writer(tmp_path / "a.box")
            place = rng.integers(0, 2, len(found))
            out.split(f"facts {number}", found.rename(columns={"seq": ROW}), place)
            out.close()
            added.add(found)
            for stretches in Box(tmp_path / "a.box").stretches(f"facts {number} 0", f"facts {number} 1"):
                for stretch in stretches:
                    _land(stretch, landed, seq)
        pd.testing.assert_frame_equal(landed.finished(), added.finished())


def test_events_are_dealt_once_to_keys_of_the_same_entities():
    parts = {part.key.name: part for part in part_plan(FEATURES).parts}
    assert covers(parts["submitter"], parts["submitter_burst"])
    assert not covers(parts["submitter_burst"], parts["submitter"])
    assert not covers(parts["submitter"], parts["ip_burst"])
    assert all(covers(part, part) for part in parts.values())
