"""Spark: scores and training features of tables that a cluster holds, with the bits of one process.

Correct when ``score`` gives, row for row, the values of :func:`cardrisk.score`, and ``features`` those of
:func:`cardrisk.features.compute`, however Spark cuts the tables.
"""

from typing import TYPE_CHECKING

from cardrisk.codes import KeySource
from cardrisk.errors import InputError
from cardrisk.features import FEATURES, FeatureSet
from cardrisk.jobs.spark.files import run
from cardrisk.jobs.spark.road import Result, Tables, outcomes_in, submissions_in, travel
from cardrisk.jobs.spark.session import need_spark
from cardrisk.jobs.spark.work import CHUNK, HISTORY_FIRST, Bundle, Work, key_place
from cardrisk.policy import Costs
from cardrisk.risk import RiskModel, load_model
from cardrisk.scoring.reach import within_reach

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from cardrisk.risk.explain import Language
    from cardrisk.scoring.batch import Reasons

__all__ = ["Result", "features", "run", "score", "score_checked"]


def score(
    df: "DataFrame",
    *,
    model: "RiskModel | str | None" = None,
    history: "tuple[DataFrame, DataFrame] | None" = None,
    costs: Costs | None = None,
    key: KeySource | None = None,
    tz: str | None = None,
    reasons: "Reasons" = "stopped",
    language: "Language" = "en",
    order: str | None = None,
    tasks: int | None = None,
) -> "DataFrame":
    """Score a Spark table of cards, each at the moment it was handed in.

    Parameters
    ----------
    df
        Submissions, n rows; columns as :func:`cardrisk.score` knows them.
    model, costs, tz, reasons, language
        As in :func:`cardrisk.score`.
    history
        ``(past_submissions, past_outcomes)``, Spark tables.
    key
        Where each worker finds the token key: None its environment (``CARDRISK_KEY``), the path of a file, or an
        importable function. The key itself is refused: it would travel in Spark's files.
    order
        Column of distinct whole numbers from 0 on that tells the order of the rows (which of two equal ids is the
        first). By default the order in which Spark reads the table (``monotonically_increasing_id``).
    tasks
        How many tasks work beside each other; by default Spark's own parallelism, at least four.

    Returns
    -------
    pyspark.sql.DataFrame
        n rows, computed, persisted on the workers' disks (``unpersist()`` when done): ``row`` (the number of the row,
        ``order`` where given) and the columns of :func:`cardrisk.score`; null where that has NaN.

    Raises
    ------
    MissingExtraError
        PySpark is not installed.
    InputError, ModelError, KeyMaterialError
        As :func:`cardrisk.score`; and where the workers have no token key or different ones.
    """
    given = {"model": model, "history": history, "costs": costs, "key": key, "tz": tz}
    found = score_checked(df, **given, reasons=reasons, language=language, order=order, tasks=tasks)  # type: ignore[arg-type]
    return found.table.drop("column", "value")


def score_checked(
    df: "DataFrame",
    *,
    model: "RiskModel | str | None" = None,
    history: "tuple[DataFrame, DataFrame] | None" = None,
    costs: Costs | None = None,
    key: KeySource | None = None,
    tz: str | None = None,
    reasons: "Reasons" = "stopped",
    language: "Language" = "en",
    order: str | None = None,
    tasks: int | None = None,
    chunk: int = CHUNK,
) -> Result:
    """As :func:`score`, with ``column`` and masked ``value`` beside the rule of refused rows, and the load of tasks.

    Raises
    ------
    InputError, ModelError
        As :func:`score`.
    """
    need_spark()
    if reasons not in ("stopped", "all", "none"):
        raise InputError(f"reasons: expected 'stopped', 'all' or 'none', got {reasons!r}")
    bundle = Bundle.of(within_reach(load_model(model)))
    work = Work(bundle.declared, key_place(key), tz, bundle, costs, reasons, language, chunk)
    spark = _session_of(df, history)
    groups = _tasks(spark, tasks)
    cards = submissions_in(df, work, groups, asks=True, order=order)
    past = submissions_in(history[0], work, groups, asks=False) if history else None
    answers = [outcomes_in(history[1], work, groups, later=0)] if history else []
    return travel(Tables(cards, past, answers), work, groups)


def features(
    df: "DataFrame",
    outcomes: "DataFrame | None",
    *,
    history: "tuple[DataFrame, DataFrame] | None" = None,
    features: FeatureSet = FEATURES,
    key: KeySource | None = None,
    tz: str | None = None,
    order: str | None = None,
    tasks: int | None = None,
    chunk: int = CHUNK,
) -> "DataFrame":
    """Compute the features of a Spark table of cards: what a model is trained on.

    Parameters
    ----------
    df, outcomes
        Submissions and their answers, revisions included, as they are before the boundary.
    history
        Earlier submissions and outcomes that feed the features and get no row of their own.
    features
        The declarations.
    key, tz, order, tasks
        As in :func:`score`.

    Returns
    -------
    pyspark.sql.DataFrame
        One row per valid card: ``row, submission_id`` and one column per declaration, values of
        :func:`cardrisk.features.compute`; null where that has NaN. Computed and persisted, as in :func:`score`.

    Raises
    ------
    MissingExtraError
        PySpark is not installed.
    InputError, KeyMaterialError
        As :func:`score`.
    """
    need_spark()
    work = Work(features, key_place(key), tz, chunk=chunk)
    spark = _session_of(df, history)
    groups = _tasks(spark, tasks)
    cards = submissions_in(df, work, groups, asks=True, order=order)
    past = submissions_in(history[0], work, groups, asks=False) if history else None
    answers = [outcomes_in(history[1], work, groups, later=0)] if history else []
    answers += [outcomes_in(outcomes, work, groups, later=HISTORY_FIRST)] if outcomes is not None else []
    return travel(Tables(cards, past, answers), work, groups).table


def _session_of(df: "DataFrame", history: "tuple[DataFrame, DataFrame] | None") -> "SparkSession":
    from pyspark.sql import DataFrame

    for what, table in (("df", df), *((("history", t) for t in history) if history else ())):
        if not isinstance(table, DataFrame):
            raise InputError(
                f"{what}: expected a Spark DataFrame, got {type(table).__name__}; use cardrisk.score for it"
            )
    return df.sparkSession


def _tasks(spark: "SparkSession", tasks: int | None) -> int:
    return max(4, spark.sparkContext.defaultParallelism) if tasks is None else tasks
