"""The page stands alone, escapes what comes from outside, and draws what it was given."""

import re

import numpy as np
import pandas as pd

from cardrisk import pictures
from cardrisk.report import Section, page

HOSTILE = "<script>alert(1)</script>"


def test_every_text_from_outside_is_escaped() -> None:
    table = pd.DataFrame({HOSTILE: [HOSTILE], "reasons": [[HOSTILE, "two"]]})
    drawn = page(HOSTILE, [Section(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, table)])
    assert "<script" not in drawn
    places = ["title", "h1", "h2", "note", "dt", "dd", "th", "td", "td of a list"]
    assert drawn.count("&lt;script&gt;") == len(places)


def test_the_page_asks_the_network_for_nothing() -> None:
    figure = pictures.shares({"accept": 3, "hold": 1}, "Decisions")
    drawn = page("t", [Section("s", pictures={"what was decided": figure})])
    assert not re.search(r"(?:src|href)=\"(?!data:)", drawn)
    assert "data:image/png;base64," in drawn


def test_nulls_show_as_nothing_and_numbers_stand_right() -> None:
    table = pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None]})
    drawn = page("t", [Section("s", table=table)])
    assert "nan" not in drawn.lower()
    assert "<td class=n>1.5</td>" in drawn


def test_precision_and_recall_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(1)
    failed = (rng.random(300) < 0.2).astype(float)
    score = np.round(rng.random(300), 1)
    recall, precision = pictures._curve(failed, score)
    for at, r, p in zip(sorted(set(score), reverse=True), recall, precision, strict=True):
        chosen = score >= at
        assert r == failed[chosen].sum() / failed.sum()
        assert p == failed[chosen].mean()


def test_every_picture_draws_without_pyplot() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(500)
    failed = (rng.random(500) < p).astype(float)
    days = pd.Series(pd.Timestamp("2026-01-05") + pd.to_timedelta(np.arange(500) % 9, unit="D"))
    channel = pd.Series(np.array(["ecommerce", "vertical", "offline"])[np.arange(500) % 3])
    for figure in (
        pictures.calibration(failed, p),
        pictures.precision_recall(failed, p, p),
        pictures.channel_rates({"ecommerce": 0.15, "offline": 0.07}),
        pictures.shares({}, "none"),
        pictures.daily_rates(days, failed, channel),
    ):
        figure.canvas.draw()
    import matplotlib._pylab_helpers as registered

    assert not registered.Gcf.figs
