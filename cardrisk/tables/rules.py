"""Rules that look at a whole row."""

import re
from collections.abc import Iterable
from typing import Final

from cardrisk.tables.cells import Fault, tidy

_TOTAL: Final = re.compile(
    r"(?:合计|总计|小计|共计|汇总|本页合计|总合计|grand ?total|sub ?total|totals?|sum)(?:\s*[::(]?\s*[\d.,¥元笔张条)\s]*)?",
    re.IGNORECASE,
)


def is_total_line(cells: Iterable[object]) -> bool:
    """Whether some cell of a row says that the row is a total."""
    for cell in cells:
        if isinstance(cell, str) and len(cell) <= 64:
            text = tidy(cell)
            if not isinstance(text, Fault) and _TOTAL.fullmatch(text):
                return True
    return False
