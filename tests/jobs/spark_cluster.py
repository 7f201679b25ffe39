"""Spark for the tests: two worker processes of one machine, in two executors of a cluster or in one.

A cluster of its own costs three Java processes, so `make test` takes the smaller one and `make test-all` both.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cardrisk.jobs.spark.session import PACKED

ROOT = Path(__file__).parents[2]
LIGHT = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:CICompilerCount=1"
"""Java moves few large rows here: optimising its own code and collecting beside it costs more than all else."""
PLAIN = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""For the same reason: planning every stage anew, and compiling code for it, costs a quarter of a small test."""
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
def cluster(folder: Path, master: str = "local-cluster[2,1,1024]", *, plain: bool = False) -> Iterator[Any]:
    """Start a session with two Python workers; its files go to ``folder``; ``plain`` for few rows."""
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
    builder = SparkSession.builder.master(master).appName("cardrisk tests")
    options = {
        **PACKED,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": LIGHT,
        "spark.executor.extraJavaOptions": LIGHT,
        "spark.executor.memory": "1g",
        "spark.python.daemon.module": "cardrisk.jobs.spark.daemon",
        "spark.executorEnv.PYTHONPATH": str(ROOT),
        "spark.executorEnv.NUMBA_NUM_THREADS": "1",
        "spark.executor.heartbeatInterval": "60s",
        "spark.network.timeout": PATIENT,
        "spark.worker.timeout": "900",
        "spark.rpc.askTimeout": PATIENT,
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.files.maxPartitionBytes": "64k",
        "spark.sql.files.openCostInBytes": "0",
        "spark.sql.warehouse.dir": str(places["warehouse"]),
        "spark.local.dir": str(places["local"]),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": places["events"].as_uri(),
        "spark.log.level": "ERROR",
    }
    for name, value in {**options, **(PLAIN if plain else {})}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        yield session
    finally:
        session.stop()
