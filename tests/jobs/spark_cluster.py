"""A Spark cluster of this machine for the tests: one driver and two executors, each with Python workers of its own."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENT = "900s"
"""A paused machine is no lost executor."""


def why_not() -> str | None:
    """Return why Spark cannot run here, None if it can."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "PySpark is not installed"
    return None if shutil.which("java") or os.environ.get("JAVA_HOME") else "no Java runtime"


@contextmanager
def cluster(folder: Path) -> Iterator[Any]:
    """Start a session with two executors; its files go to ``folder``."""
    import pyspark
    from pyspark.sql import SparkSession

    places = {name: folder / name for name in ("local", "events", "work", "warehouse")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_HOSTNAME": "localhost",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_WORKER_DIR": str(places["work"]),
        "SPARK_DAEMON_JAVA_OPTS": "-Dspark.worker.timeout=900",
    }
    builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName("cardrisk tests")
    options = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.executor.memory": "1g",
        "spark.python.daemon.module": "cardrisk.jobs.spark.daemon",
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.executorEnv.NUMBA_NUM_THREADS": "1",
        "spark.executor.heartbeatInterval": "60s",
        "spark.network.timeout": PATIENT,
        "spark.worker.timeout": "900",
        "spark.rpc.askTimeout": PATIENT,
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.warehouse.dir": str(places["warehouse"]),
        "spark.local.dir": str(places["local"]),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": places["events"].as_uri(),
        "spark.log.level": "ERROR",
    }
    for name, value in options.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        yield session
    finally:
        session.stop()
