"""A table that travelled between Spark's tasks is the one that was packed, whatever its values are."""

import numpy as np
import pandas as pd

from cardrisk.features.arrays import NULL
from cardrisk.jobs.spark.parcels import packed, unpacked
from tests.jobs.test_box import numbers

TEXTS = {
    "text": pd.Series(["a", None, "", "é"], dtype="str"),
    "nothing": pd.Series([None] * 4, dtype="str"),
    "flag": pd.Series([True, None, False, None], dtype="boolean"),
    "time": pd.to_datetime(["2026-01-05T08:00:00.000001Z", None, "1999-12-31T00:00:00.000000Z", None]).as_unit("us"),
    "narrow": np.array([NULL, 1, 2, 3]),
    "alike": np.full(4, NULL),
    "half": np.array([np.nan, -0.0, np.inf, 1e-40], np.float32),
}


def test_numbers_come_back_with_their_bits(full_or):
    for seed in range(full_or(500, 20)):
        rng = np.random.default_rng([5, seed])
        frame = numbers(rng, int(rng.integers(0, 60)))
        pd.testing.assert_frame_equal(unpacked(packed(1, "a", 2, frame).data), frame, check_exact=True)


def test_text_flags_and_times_come_back_beside_numbers():
    for frame in (pd.DataFrame(TEXTS), pd.DataFrame(TEXTS)[["text"]], pd.DataFrame(TEXTS).iloc[:0]):
        pd.testing.assert_frame_equal(unpacked(packed(1, "a", 2, frame).data), frame, check_exact=True)


def test_whole_numbers_take_the_bytes_that_their_values_need():
    rng = np.random.default_rng(6)
    near = pd.DataFrame({"x": 2**60 + rng.integers(0, 256, 4_000)})
    assert len(packed(1, "a", 2, near).data) < 5_000
    assert len(packed(1, "a", 2, near.assign(x=NULL)).data) < 500
