"""What a box gives back is what was put into it, however it was split and whatever the values are."""

import numpy as np
import pandas as pd
import pytest

from cardrisk.features.arrays import NULL
from cardrisk.jobs.batch.box import Box, Boxes, lazily
from cardrisk.jobs.batch.columns import stacked
from cardrisk.jobs.batch.writing import Bands, Writer

EDGES = [NULL, -(2**40), -1, 0, 1, *(2**bits + more for bits in (8, 16, 24, 32, 40, 48) for more in (-1, 0)), 2**62]

OTHER_NAN = np.array([0x7FC00001], np.int32).view(np.float32)[0]
ODD = np.array([-0.0, -1.0, 0.5, np.inf, -np.inf, OTHER_NAN, 65_534, 2.0**24, 3e38], np.float32)


def numbers(rng, rows):
    """Columns of every width, with and without nulls, some of them constant."""
    columns = {f"to {edge}": rng.choice([low, low + 1, edge], rows) for edge in EDGES for low in (min(edge, 0),)}
    columns["one"] = np.full(rows, rng.choice(EDGES))
    few = rng.integers(0, rng.choice([1, 2, 255, 256, 257, 65_533, 65_534, 65_535]), rows)
    columns["some known"] = np.where(rng.random(rows) < 0.5, NULL, few + rng.choice(EDGES[2:-1]))
    columns["none known"] = np.full(rows, NULL)
    columns["count"] = few.astype("float32")
    columns["some counted"] = np.where(rng.random(rows) < 0.5, np.nan, few).astype("float32")
    columns["none counted"] = np.full(rows, np.nan, "float32")
    columns["odd"] = np.where(rng.random(rows) < 0.02, rng.choice(ODD), few.astype("float32"))
    columns["half"] = rng.normal(size=rows).astype("float32")
    columns["few"] = rng.choice(rng.integers(-(2**62), 2**62, rng.choice([1, 2, 255, 400])), rows)
    columns["double"] = np.where(rng.random(rows) < 0.5, np.nan, rng.normal(size=rows))
    return pd.DataFrame(columns)


def test_numbers_come_back_with_their_bits(tmp_path, full_or):
    for seed in range(full_or(500, 20)):
        rng = np.random.default_rng([3, seed])
        rows = int(rng.choice([200, 1_000]))
        frame, place = numbers(rng, rows), rng.choice(EDGES[1:], rows)
        if seed % 2:
            place = rng.integers(0, 5, rows) * int(rng.choice([1, 2**50])) + int(rng.choice([0, 2**50]))
        some = np.flatnonzero(rng.random(rows) < 0.7)
        out = Writer(tmp_path / "a.box")
        out.add("all", frame)
        out.add("all", frame)
        out.split("by", frame, place[some], some)
        out.close({"note": 1})
        box = Box(tmp_path / "a.box")
        pd.testing.assert_frame_equal(box.read("all"), pd.concat([frame, frame], ignore_index=True))
        assert box.places("by") == pd.Series(place[some]).value_counts().sort_index().to_dict()
        for value in np.unique(place).tolist():
            mine = frame.iloc[some[place[some] == value]].reset_index(drop=True)
            assert box.rows(f"by {value}") == len(mine)
            if len(mine):
                pd.testing.assert_frame_equal(box.read(f"by {value}"), mine)
                bits = [frame["odd"].to_numpy().view(np.int32) for frame in (box.read(f"by {value}"), mine)]
                assert (bits[0] == bits[1]).all()
        assert sorted(box.names()) == sorted(["all", *(f"by {value}" for value in np.unique(place[some]).tolist())])
        assert box.read("by 77") is None
        assert box.read("nothing") is None
        assert box.note == {"note": 1}


def test_bands_of_places_stand_in_files_of_their_own(tmp_path, full_or):
    for seed in range(full_or(100, 10)):
        rng = np.random.default_rng([9, seed])
        frame, place = numbers(rng, 200), rng.integers(0, 12, 200)
        edges, some = [0, *np.sort(rng.choice(np.arange(1, 12), 3, replace=False)).tolist()], rng.random(200) < 0.7
        whole = Writer(tmp_path / "whole.box")
        bands = Bands([tmp_path / f"{number}.box" for number in range(4)], edges)
        for among in (np.flatnonzero(some), np.flatnonzero(~some), np.empty(0, np.int64)):
            whole.split("by", frame, place[among], among)
            bands.split("by", frame, place[among], among)
        whole.close()
        bands.close()
        for number, last in enumerate([*edges[1:], 12]):
            box = Box(tmp_path / f"{number}.box")
            mine = {
                p: many for p, many in Box(tmp_path / "whole.box").places("by").items() if edges[number] <= p < last
            }
            assert box.places("by") == mine
            for each in mine:
                expected = Box(tmp_path / "whole.box").read(f"by {each}")
                pd.testing.assert_frame_equal(box.read(f"by {each}"), expected)


def test_text_and_times_come_back(tmp_path):
    frame = pd.DataFrame(
        {
            "id": pd.Series(["a", None, "卡"], dtype="str"),
            "at": pd.to_datetime(["2026-01-01", None, "2026-01-02"], utc=True).astype("datetime64[us, UTC]"),
            "n": [1, 2, 3],
        }
    )
    out = Writer(tmp_path / "a.box")
    out.add("f", frame)
    out.split("by", frame[["id", "n"]], np.array([5, 4, 5]))
    out.close()
    box = Box(tmp_path / "a.box")
    pd.testing.assert_frame_equal(box.read("f"), frame)
    pd.testing.assert_frame_equal(box.read("by 5"), frame.loc[[0, 2], ["id", "n"]].reset_index(drop=True))


def test_many_boxes_are_read_as_one(tmp_path):
    rng = np.random.default_rng(4)
    frames = [numbers(rng, rows) for rows in (3, 5, 4)]
    for i, frame in enumerate(frames):
        out = Writer(tmp_path / f"{i}.box")
        out.split("by", frame, np.arange(len(frame)) % 2)
        out.close()
    boxes = Boxes(Box(tmp_path / f"{i}.box") for i in range(3))
    odd = pd.concat([frame.iloc[1::2] for frame in frames], ignore_index=True)
    pd.testing.assert_frame_equal(boxes.gather("by 1"), odd)
    assert boxes.rows("by 1") == len(odd)
    for rows, sizes in ((1, [2, 3, 2]), (3, [5, 2]), (9, [7])):
        assert [len(columns["one"]) for columns in boxes.each("by 0", rows)] == sizes
    assert boxes.gather("by 9") is None


def test_columns_that_take_no_bytes_and_few_values_in_few(tmp_path):
    alike = pd.DataFrame({"a": np.full(4_000, 2**60), "b": np.full(4_000, NULL)})
    few = pd.DataFrame({"few": np.random.default_rng(6).integers(-(2**62), 2**62, 9)[np.arange(4_000) % 9]})
    sizes = []
    for name, frame in {"alike": alike, "few": few}.items():
        out = Writer(tmp_path / f"{name}.box")
        out.split("by", frame, np.arange(4_000) // 1_000)
        out.close()
        (found,) = Box(tmp_path / f"{name}.box").stretches("by 3")
        sizes += [len(stretch.bytes) for stretch in found]
        pd.testing.assert_frame_equal(pd.DataFrame(stacked(found)), frame.iloc[3_000:].reset_index(drop=True))
        pd.testing.assert_frame_equal(pd.DataFrame(dict(lazily(found))), frame.iloc[3_000:].reset_index(drop=True))
    assert sizes == [0, 8 + 9 * 8 + 1_000]


def test_what_is_not_alike_is_not_read_as_one(tmp_path):
    rng = np.random.default_rng(5)
    one = numbers(rng, 9)
    for other in (one.drop(columns="half"), one.assign(half=1), one.assign(double=one["half"])):
        out = Writer(tmp_path / "a.box")
        out.add("f", one)
        out.add("f", other)
        out.close()
        with pytest.raises(ValueError, match="expected"):
            Box(tmp_path / "a.box").read("f")
