"""Spark itself: found or refused in one line, and its errors told in one line.

Correct when no error that leaves carries more than one of this library's own messages, or the name of what failed.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cardrisk import errors
from cardrisk.errors import CardriskError, InputError, MissingExtraError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

T = TypeVar("T")
PACKED: Final = {
    "spark.shuffle.compress": "false",
    "spark.shuffle.spill.compress": "false",
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
}
"""Settings of a session of one's own: what travels is packed already, and costs only time to pack again."""
_SAID: Final = re.compile(r"cardrisk\.errors\.(\w+): ([^\n]*)")


def need_spark() -> None:
    """Refuse to start without PySpark.

    Raises
    ------
    MissingExtraError
        PySpark is not installed.
    """
    try:
        import pyspark  # noqa: F401
    except ImportError:
        raise MissingExtraError("Spark: expected PySpark, got nothing; pip install 'cardrisk[spark]'") from None


def need_java() -> None:
    """Refuse to start a session without a Java runtime.

    Raises
    ------
    MissingExtraError
        There is no Java.
    """
    home = os.environ.get("JAVA_HOME")
    java = Path(home) / "bin" / "java" if home else None
    if shutil.which("java") is None and not (java is not None and java.is_file()):
        raise MissingExtraError(
            "Spark: expected a Java runtime, got none; install one (Debian: default-jre-headless) or set JAVA_HOME"
        )


def session() -> "SparkSession":
    """Give the active session, or start one: on the cluster that Spark's own settings name, else on this machine.

    Raises
    ------
    MissingExtraError
        PySpark or Java is not there.
    """
    need_spark()
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    need_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("cardrisk")
    if "spark.master" not in dict(SparkConf().getAll()) and "SPARK_REMOTE" not in os.environ:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        quiet: dict[str, Any] = {**PACKED, "spark.python.daemon.module": "cardrisk.jobs.spark.daemon"}
        quiet |= {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.ui.showConsoleProgress": "false",
        }
        builder = builder.master("local[*]").config(map=quiet)
    return builder.getOrCreate()


def one_line(call: Callable[[], T]) -> T:
    """Return what ``call`` gives; tell what fails on a worker as the error it was, in one line.

    Raises
    ------
    CardriskError
        One of this library's own errors was raised on a worker.
    InputError
        Anything else failed there; the message withholds values.
    """
    from pyspark.errors import PySparkException

    try:
        return call()
    except PySparkException as error:
        told = _told(error)
    raise told  # outside the handler: nothing of what a worker said hangs on as context


def _told(error: Any) -> CardriskError:
    text = str(error)
    for name, message in reversed(_SAID.findall(text)):
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, CardriskError):
            return kind(message.strip())
    failed = re.findall(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception))\b", text, re.MULTILINE)
    return InputError(f"Spark: the work failed on a worker ({failed[-1] if failed else type(error).__name__})")
