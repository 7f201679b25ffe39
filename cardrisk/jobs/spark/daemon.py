"""What Spark forks its Python workers from, with this library loaded once instead of once a worker.

Correct when a worker forked from it does what one of Spark's own does, only sooner. A session that this library
starts uses it; on a cluster set ``spark.python.daemon.module`` to ``cardrisk.jobs.spark.daemon``.
"""


def load() -> None:
    """Import what every task imports; nothing is computed, so no thread exists that a fork would lose."""
    from importlib import import_module

    for name in ("pyarrow.compute", "cardrisk.codes", "cardrisk.features.parts", "cardrisk.jobs.spark.ends"):
        import_module(name)
    for name in ("cardrisk.jobs.spark.tasks", "cardrisk.scoring.assemble", "cardrisk.scoring.batch"):
        import_module(name)


if __name__ == "__main__":
    from pyspark.daemon import manager

    load()
    manager()
