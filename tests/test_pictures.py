"""Pictures can be read: every axis says what it shows, shares are in percent, and no text lies over other text."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from cardrisk import pictures
from cardrisk.facts import CAUSES, CHANNELS

ROWS = 4_000


def chances():
    rng = np.random.default_rng(5)
    p = rng.beta(0.6, 4.0, ROWS)
    return (rng.random(ROWS) < p).astype(float), p


def calibration():
    return pictures.calibration(*chances())


def precision_recall():
    failed, p = chances()
    return pictures.precision_recall(failed, np.round(p, 1), p)


def channel_rates():
    return pictures.channel_rates({name: channel.failure_band[1] for name, channel in CHANNELS.items()})


def shares():
    return pictures.shares({"accept": 700, "review": 200, "reject": 90}, "What was decided")


def daily_rates():
    failed, _ = chances()
    day = pd.Series(pd.date_range("2026-01-05", periods=40, tz="UTC")).repeat(ROWS // 40)
    return pictures.daily_rates(day, failed, pd.Series(list(CHANNELS) * ROWS).head(ROWS))


def folds():
    start = pd.date_range("2026-01-05", periods=6, freq="7D", tz="UTC")
    table = pd.DataFrame({"start": start, "average_precision": 0.6})
    whole = table.assign(average_precision_low=0.55, average_precision_high=0.66)
    return pictures.folds(whole.assign(**{f"{n}_average_precision": 0.3 for n in ("base", "screening", "ceiling")}))


def beside():
    measures = ["average_precision", "auc", "recall_at_review_5", "recall_at_review_15", "recall_at_fpr_5"]
    figures = dict.fromkeys(("model", "low", "high", "screening", "ceiling"), 0.5)
    return pictures.beside(pd.DataFrame({"measure": measures, **figures}))


def segment_bias():
    names = {"channel": "ecommerce", "family": "ecommerce", "tenure": "30 days to a year", "count": 1_234}
    figures = {"rate": 0.09, "rate_low": 0.07, "rate_high": 0.3, "p_mean": 0.2}
    return pictures.segment_bias(pd.DataFrame([{**names, **figures}] * 25))


def confusion():
    pairs = [(actual, predicted) for actual in CAUSES for predicted in CAUSES[:5]]
    table = pd.DataFrame(pairs, columns=["actual", "predicted"])
    return pictures.confusion(table.assign(count=np.arange(len(table))[::-1] + 1))


def incident_delays():
    table = pd.DataFrame({"incident": [f"dealer_tampering-{i}" for i in range(9)], "flagged": np.linspace(0.0, 1.0, 9)})
    return pictures.incident_delays(table.assign(delay_minutes=[np.nan, *[1234.0] * 8], missed_before=9, failed=70))


def days():
    day = pd.date_range("2026-01-05", periods=40, tz="UTC")
    return pictures.days(pd.DataFrame({"day": day, "rate": 0.1, "p_mean": 0.12}))


ALL = [calibration, precision_recall, channel_rates, shares, daily_rates, folds, beside, segment_bias, confusion]
ALL += [incident_delays, days]


@pytest.fixture(params=ALL, ids=lambda draw: draw.__name__)
def drawn(request):
    """A picture's name, its axes as laid out, and the boxes of texts on it."""
    figure = request.param()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    return request.param.__name__, figure.axes[0], lambda text: text.get_window_extent(renderer)


def test_no_text_lies_over_other_text(drawn):
    _, axes, box = drawn
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
        labels = [label for place, label in ticks if low <= place <= high and label.get_text()]
        assert len(labels) > 1
        flat = [label for label in labels if not label.get_rotation()]  # the boxes of slanted texts always meet
        for one, other in combinations(flat, 2):
            assert not box(one).overlaps(box(other)), (one.get_text(), other.get_text())
    legend, title = axes.get_legend(), box(axes._left_title)
    if legend is not None:
        assert not box(legend).overlaps(title), "the legend hides the title"
        assert box(legend).y0 >= axes.bbox.y1 - 3, "the legend lies over what is drawn"


def test_axes_say_what_they_show_and_shares_are_in_percent(drawn):
    name, axes, _ = drawn
    for axis in (axes.xaxis, axes.yaxis):
        texts = [label.get_text() for label in axis.get_ticklabels()]
        numbers = [text for text in texts if text.replace(".", "").replace("\N{MINUS SIGN}", "").isdigit()]
        assert axis.get_label_text() or not numbers
        if numbers:
            assert name in ("folds", "beside"), "measures from 0 to 1 that are no shares"
            assert "1 is best" in axis.get_label_text()
        assert not [text for text in texts if text.endswith(".0%")]


def test_causes_stand_in_one_order_on_both_sides():
    axes = confusion().axes[0]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    rows = [label.get_text().rpartition(" (")[0] for label in axes.get_yticklabels()]
    assert columns == rows
    assert len(axes.patches) == len(rows)
