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
        The file is not there, or is no text in UTF-8, UTF-16 or GB18030.
    """
    from cardrisk.codes import check_text
    from cardrisk.tables.read import decoded

    name = "standard input" if source == "-" else source
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except IsADirectoryError:
        raise UnusableFileError(f"{source}: expected a text file, got a folder") from None
    except FileNotFoundError:
        # Where somebody typed a code in a file's place it must not be said back, let alone logged.
        shown = source if Path(source).suffix or Path(source).parent != Path() else "FILE"
        raise UnusableFileError(
            f"{shown}: expected a text file, got nothing there; codes come in a file or on standard input"
        ) from None
    found = check_text(decoded(raw, name, None), kind=kind, doubt=doubt, language=language)
    for line, hints in enumerate(found, start=1):
        for hint in hints:
            sys.stdout.write(f"{line}: {hint}\n")
    return 1 if any(found) else 0
