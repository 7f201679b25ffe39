"""Yes/no columns.

Correct means: yes is yes in either language, no is no, and nothing else is either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import ClassVar, Final

import numpy as np

from cardrisk._later import pa, pd
from cardrisk.tables.cells import Fault, is_null_word, tidy
from cardrisk.tables.numbers import number
from cardrisk.tables.reader import Parsed, Reader

UNREADABLE_FLAG: Final = Fault("unreadable_flag")

_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "1.0", "是", "已绑定", "有", "真", "√"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "0.0", "否", "未绑定", "没有", "假", "×"})


@dataclass(frozen=True, slots=True)
class Flag(Reader):
    """Yes or no; anything else is refused, null stays null."""

    dtype: ClassVar[str] = "boolean"

    def one(self, value: object, zone: tzinfo | None = None) -> bool | Fault | None:
        """Read one cell: bool, Fault, or None for null."""
        if isinstance(value, bool | np.bool_):
            return bool(value)
        if isinstance(value, str):
            text = tidy(str.__str__(value))
            if isinstance(text, Fault):
                return text
            word = text.casefold()
            if word in _TRUE:
                return True
            if word in _FALSE:
                return False
            return None if is_null_word(text) else UNREADABLE_FLAG
        read = number(value)
        if isinstance(read, Fault):
            return read if read is value else UNREADABLE_FLAG
        return None if read is None else {0.0: False, 1.0: True}.get(read, UNREADABLE_FLAG)

    def column(self, cells: pd.Series, zone: tzinfo | None) -> Parsed:
        """Read a whole column into ``boolean``."""
        dtype = cells.dtype
        arrow = isinstance(dtype, pd.ArrowDtype) and pa.types.is_boolean(dtype.pyarrow_dtype)
        if arrow or isinstance(dtype, pd.BooleanDtype | np.dtypes.BoolDType):
            return Parsed(cells.astype("boolean").array)
        return Reader.column(self, cells, zone)
