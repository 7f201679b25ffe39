"""Libraries that frames need and one card does not: loaded at the first use of anything in them.

``from cardrisk._later import pd`` reads and type-checks like ``import pandas as pd``; pandas is loaded when one of its
attributes is first asked for. A process that scores one card at a time never pays for it.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as compute
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet
else:

    class _Later(ModuleType):
        """Stands for a library until it is needed."""

        def __getattr__(self, name: str) -> Any:
            # not from sys.modules: another thread may be half-way through loading it, which this waits for
            found = self.__dict__[name] = getattr(import_module(self.__name__), name)
            return found

    pd, pa = _Later("pandas"), _Later("pyarrow")
    compute, csv, parquet = (_Later(f"pyarrow.{part}") for part in ("compute", "csv", "parquet"))

__all__ = ["compute", "csv", "pa", "parquet", "pd"]
