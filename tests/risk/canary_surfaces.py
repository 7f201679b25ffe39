"""What searching parameters and measuring at rolling origins leave behind."""

from collections.abc import Iterator
from typing import Any

from cardrisk.pictures import evaluation_pictures
from cardrisk.risk import prequential, tune
from tests.canary import Planted, surface

KEY = b"a key for the scan of the risk room alone"


@surface("a prequential evaluation, its frames and its pictures")
def rolled(planted: Planted) -> Iterator[Any]:
    report = prequential(
        planted.submissions, planted.outcomes, folds=1, first_share=0.6, key=lambda: KEY,
        params={"rounds": 10, "cause_rounds": 1}, threads=1, bootstrap=0,
    )  # fmt: skip
    for name, frame in report.frames.items():
        frame.to_csv(planted.tmp / f"{name}.csv")
    for name, picture in evaluation_pictures(report).items():
        picture.savefig(planted.tmp / f"{name}.svg")
    yield "metrics", repr(report.metrics)
    yield "everything on disk", planted.tmp


@surface("a study of parameters, in its storage")
def studied(planted: Planted) -> Iterator[Any]:
    found = tune(
        planted.submissions, planted.outcomes, seconds=None, trials=1, storage=f"sqlite:///{planted.tmp}/study.db",
        folds=1, key=lambda: KEY, threads=1,
    )  # fmt: skip
    yield "what was found", repr(found)
    yield "everything on disk", planted.tmp
