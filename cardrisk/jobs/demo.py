"""The whole road once: a world, a model, the registry, an export file scored as a stranger's, a report.

Nothing is staged: the export file goes in by the same door as any user's, holds what real exports hold - Chinese
headers, GB18030, a total line, a number mangled by a spreadsheet - and the model has seen none of its cards.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cardrisk.errors import InputError
from cardrisk.jobs import export, say
from cardrisk.jobs.progress import Steps
from cardrisk.jobs.score import save

LEARN: Final = 0.7
"""Share of the days that the model may learn from; the rest measures it."""

FEWEST_DAYS: Final = 28
EXPORT_CARDS: Final = 2_000
ZONE: Final = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Periods:
    """Cut points of the demo's calendar, all at midnight UTC: learning ends, the exported day begins and ends."""

    learnt: pd.Timestamp
    export: pd.Timestamp
    end: pd.Timestamp


def run(*, out: str, scale: float, days: int, seed: int) -> int:
    """Run the demo into the folder ``out``.

    Returns
    -------
    int
        0.

    Raises
    ------
    InputError
        A calendar too short to learn and measure.
    """
    import cardrisk

    if days < FEWEST_DAYS:
        raise InputError(f"--days: expected at least {FEWEST_DAYS}, to learn and to measure, got {days}")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    key = _key_file(folder)
    store = f"sqlite:///{(folder / 'mlflow.db').resolve()}"
    steps = Steps(7)
    with steps.step(f"generate a world of {days} days at scale {scale:g}"):
        world = cardrisk.generate(days=days, scale=scale, seed=seed)
        cut = _periods(world.submissions)
    with steps.step("train on the earlier days"):
        early, late = _split(world.submissions, cut.learnt)
        model = cardrisk.train(early, world.outcomes, as_of=cut.learnt, key=key, seed=seed)
    with steps.step("measure on the later days"):
        report = cardrisk.evaluate(
            model, late, world.outcomes, history=(early, world.outcomes), truth=world.truth, key=key
        )
    with steps.step("log the run and register the champion in MLflow"):
        tracked = cardrisk.track(model, report, register="cardrisk", alias="champion", store=store)
    with steps.step("write one day's cards as a platform exports them"):
        day = late[(late["submitted_at"] >= cut.export) & (late["submitted_at"] < cut.end)].iloc[:EXPORT_CARDS]
        file = export.write(day, folder / "export.csv", zone=ZONE)
    with steps.step("score the export file with the champion"):
        scores, refused = _score_export(file, world, cut, key, store)
        save(scores, refused, folder / "scores.parquet")
    with steps.step("write the report"):
        say.write_report(folder / "report.html", world, report, scores, refused)
    say.summary(world, report, scores, refused, folder, tracked)
    return 0


def _score_export(file: Path, world: Any, cut: Periods, key: Path, store: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score with the registered champion against all that was handed in before the exported day."""
    from cardrisk.registry import using
    from cardrisk.scoring import score_checked
    from cardrisk.tables import read_frame

    past = world.submissions[world.submissions["submitted_at"] < cut.export]
    with using(store):
        return score_checked(
            read_frame(file),
            model="models:/cardrisk@champion",
            history=(past, world.outcomes),
            key=key,
            tz=ZONE,
            reasons="stopped",
        )


def _periods(submissions: pd.DataFrame) -> Periods:
    first = submissions["submitted_at"].min().floor("D")
    days = (submissions["submitted_at"].max().floor("D") - first).days + 1
    learnt = first + pd.Timedelta(days=int(days * LEARN))
    export_day = first + pd.Timedelta(days=days - 7)
    return Periods(learnt, export_day, export_day + pd.Timedelta(days=1))


def _split(submissions: pd.DataFrame, at: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    early = (submissions["submitted_at"] < at).to_numpy()
    return submissions[early], submissions[~early]


def _key_file(folder: Path) -> Path:
    """A token key of the demo's own, readable by its owner alone; made once, kept for the next run."""
    path = folder / "key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32) + "\n")
    return path
