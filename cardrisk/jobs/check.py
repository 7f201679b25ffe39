"""Ask the submitter to look again, from a file or standard input; codes never come as arguments."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cardrisk.errors import UnusableFileError

if TYPE_CHECKING:
    from cardrisk.codes.hints import Language


def run(*, source: str, kind: str | None, language: "Language", doubt: bool = False) -> int:
    """Print hints for each line of ``number secret`` text.

    Returns
    -------
    int
        0 nothing to ask, 1 some lines have hints.

    Raises
    ------
    UnusableFileError
        The file cannot be read as text.
    """
    from cardrisk.codes import check_text

    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except IsADirectoryError:
        raise UnusableFileError(f"{source}: expected a text file, got a folder") from None
    lines = raw.decode("utf-8-sig", errors="replace").splitlines()
    found = check_text(lines, kind=kind, doubt=doubt, language=language)
    for line, hints in enumerate(found, start=1):
        for hint in hints:
            sys.stdout.write(f"{line}: {hint}\n")
    return 1 if any(found) else 0
