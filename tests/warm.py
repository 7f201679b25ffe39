"""Compile what the tests need once, before several workers would each do it: run as ``python -m tests.warm``.

Goes the roads that most tests go, over a world as small as they come; what it leaves is machine code on disk.
"""

import tempfile
import warnings

import pandas as pd

import cardrisk
from cardrisk.jobs.batch.context import Limits
from cardrisk.jobs.score import run
from tests.conftest import KEY


def main() -> None:
    """World, model, table, pieces, one card at a time, reasons, evaluation."""
    warnings.simplefilter("ignore")
    world = cardrisk.generate(days=21, scale=0.001, seed=5)
    cut = world.submissions["submitted_at"].min().floor("D") + pd.Timedelta(days=14)
    early = (world.submissions["submitted_at"] < cut).to_numpy()
    past, late = world.submissions[early], world.submissions[~early].head(60)
    key, settings = KEY.encode, {"rounds": 5, "cause_rounds": 2, "num_leaves": 7}
    model = cardrisk.train(past, world.outcomes, as_of=cut, key=key, params=settings, threads=1)
    cardrisk.evaluate(model, late, world.outcomes, history=(past, world.outcomes), key=key, bootstrap=2)
    cards = late.astype(object).where(late.notna(), None).to_dict("records")
    with cardrisk.Scorer(model, key=key, reasons="all", clock=None) as scorer:
        scorer.backfill(past, world.outcomes)
        for card in cards[:30]:
            scorer.score(card)
        scorer.score(cards[30:])
        for answer in world.outcomes.head(30).to_dict("records"):
            if answer["submission_id"] in set(late["submission_id"]):
                scorer.answer(answer)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/bundle")
        late.to_parquet(f"{folder}/cards.parquet")
        given = {"cards": f"{folder}/cards.parquet", "model": f"{folder}/bundle", "history": None, "key": key}
        run(**given, out=f"{folder}/out.parquet", workers=1, reasons="all", limits=Limits(piece=20, part=30, small=0))


if __name__ == "__main__":
    main()
