"""A model trained again on similar data decides alike at unchanged policy."""

import pytest

from cardrisk.features import FEATURES, compute
from cardrisk.policy import ACTIONS, decide
from cardrisk.risk.boost import Settings
from cardrisk.risk.labels import DAY
from cardrisk.risk.tables import prepare
from cardrisk.risk.training import train_on
from cardrisk.world import generate

from .tables_for_risk import KEY


@pytest.mark.soak
@pytest.mark.xfail(
    strict=True,
    reason="reached: 'accept' moves 1.7 points with these settings, 'recheck' 1.9 with the default ones, from 68,000 "
    "cards; `cardrisk promote` warns of such a move (tests/registry)",
)
def test_a_retrain_a_day_later_moves_no_decision_by_more_than_a_point():
    """Shares of decisions on the same 20,000 later cards, so that no sampling noise is between them."""
    world = generate(days=24, scale=0.02, seed=23)
    tables = prepare(world.submissions, world.outcomes, key=KEY)
    frame = compute(tables.submissions, tables.outcomes)
    start = int(tables.moments.min()) // DAY * DAY
    late = tables.moments >= start + 19 * DAY
    shares = []
    for day, seed in ((18, 0), (19, 1)):
        cut = start + day * DAY
        early = (tables.moments < cut).nonzero()[0]
        model = train_on(
            frame.iloc[early], tables.until(cut).take(early), as_of=cut, declared=FEATURES,
            settings=Settings({"rounds": 150, "learning_rate": 0.1, "cause_rounds": 6}, seed, 2),
        )  # fmt: skip
        found = decide(model.predict(frame[late]), tables.submissions[late])["decision"]
        shares.append(found.value_counts(normalize=True).reindex(ACTIONS).fillna(0.0))
    assert (shares[0] - shares[1]).abs().max() <= 0.01
