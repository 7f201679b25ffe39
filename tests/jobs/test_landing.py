"""What lands from a file's bytes is what is added from a frame; and whose events are dealt."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.features import FEATURES
from cardrisk.features.arrays import NULL
from cardrisk.features.parts import RESUBMITTED, Rows, part_plan
from cardrisk.jobs.batch.box import Box
from cardrisk.jobs.batch.columns import stacked
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
            both = Box(tmp_path / "a.box").stretches(f"facts {number} 0", f"facts {number} 1")
            _land([stretch for stretches in both for stretch in stretches], landed, seq)
        pd.testing.assert_frame_equal(landed.finished(), added.finished())


def test_stretches_that_end_early_or_are_of_another_kind_are_refused(tmp_path):
    rng = np.random.default_rng(3)
    cards, _ = worlds.tables(rng)
    seq = np.arange(len(cards))
    rows = Rows(cards, seq, FEATURES)
    found = next(results(rng, seq)).rename(columns={"seq": ROW})
    last = found.columns[-1]
    out = Writer(tmp_path / "a.box")
    out.split("whole", found, np.zeros(len(found), np.int64))
    other = found.fillna({last: 0}).astype({last: "float64" if found[last].dtype == "int64" else "int64"})
    out.split("other", other, np.zeros(len(found), np.int64))
    out.close()
    (whole,), (other,) = Box(tmp_path / "a.box").stretches("whole 0", "other 0")
    _land([whole, whole], rows, seq)
    for bad in (whole._replace(bytes=whole.bytes[:-8]), whole._replace(bytes=b""), other):
        with pytest.raises(ValueError, match="whole stretches"):
            _land([whole, bad, whole], rows, seq)
    with pytest.raises(ValueError, match="whole stretches"):
        stacked([whole._replace(bytes=whole.bytes[:-8])])


def test_events_are_dealt_once_to_keys_of_the_same_entities():
    parts = {part.key.name: part for part in part_plan(FEATURES).parts}
    assert covers(parts["submitter"], parts["submitter_burst"])
    assert not covers(parts["submitter_burst"], parts["submitter"])
    assert not covers(parts["submitter"], parts["ip_burst"])
    assert all(covers(part, part) for part in parts.values())
