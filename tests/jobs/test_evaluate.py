"""Measuring says where a model may have learnt from the very cards that it is measured on."""

import pytest

from cardrisk.jobs.evaluate import _tell_of_seen
from cardrisk.risk import load_model
from cardrisk.tables import check_submissions


@pytest.mark.parametrize(("part", "said"), [("early", True), ("late", False)])
def test_cards_from_before_the_model_had_learnt_are_told(tiny, capsys, part, said):
    cards = getattr(tiny, part)
    _tell_of_seen(load_model(str(tiny.bundle)), check_submissions(cards).valid)
    told = capsys.readouterr().err
    assert (f"of {len(cards):,} cards came in before this model" in told) is said
