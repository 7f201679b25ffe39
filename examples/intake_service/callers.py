"""Who may call, and what they may see.

Correct when a request without a known key gets nothing, a submitter's key never gets more than actions and questions
about the card in hand, and no key can be read out of the file that lists them.

The file has one caller a line, ``name scope digest``: the SHA-256 of the caller's key in hexadecimal. Make one with ::

    python -m examples.intake_service.callers NAME SCOPE FILE

which adds the line and prints the new key once.
"""

import hashlib
import re
import secrets
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .settings import SettingsError

SUBMITTER: Final = "submitter"
REVIEWER: Final = "reviewer"
OPERATOR: Final = "operator"
SCOPES: Final = {
    SUBMITTER: frozenset({"check", "score", "scores"}),
    REVIEWER: frozenset({"check", "score", "scores", "answers"}),
    OPERATOR: frozenset({"check", "score", "scores", "answers", "forget"}),
}
"""Scope to the operations it opens. A submitter's answers hold an action and questions, the others' everything."""
MOST: Final = 1_024
"""Callers of one file."""
_LINE: Final = re.compile(r"([A-Za-z0-9_.-]{1,64}) (submitter|reviewer|operator) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller.

    Attributes
    ----------
    name
        As the file has it; shown in logs.
    scope
        A key of ``SCOPES``.
    place
        Its place in the file: its counter in the shared limit.
    """

    name: str
    scope: str
    place: int

    @property
    def may(self) -> frozenset[str]:
        """Operations open to it."""
        return SCOPES[self.scope]

    @property
    def sees_all(self) -> bool:
        """Whether it gets probabilities and reasons."""
        return self.scope != SUBMITTER


class Callers:
    """The callers of a file, found by their key.

    Parameters
    ----------
    where
        The file, or ``open``.

    Raises
    ------
    SettingsError
        The file cannot be read, or a line is none.
    """

    def __init__(self, where: str) -> None:
        self._anybody = Caller("anybody", OPERATOR, 0) if where == "open" else None
        self._by_digest: dict[bytes, Caller] = {}
        if self._anybody is None:
            self._read(Path(where))

    def _read(self, path: Path) -> None:
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"callers: expected a readable file, got {type(error).__name__}") from None
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = _LINE.fullmatch(line.strip())
            if found is None:
                raise SettingsError(f"callers, line {number}: expected `name scope sha256`, got something else")
            name, scope, digest = found.groups()
            self._by_digest[bytes.fromhex(digest)] = Caller(name, scope, len(self._by_digest))
        if not 0 < len(self._by_digest) <= MOST:
            raise SettingsError(f"callers: expected 1 to {MOST} different keys, got {len(self._by_digest)}")

    def of(self, headers: Iterable[tuple[bytes, bytes]]) -> Caller | None:
        """Return who sends these headers (``x-api-key: KEY``); None for a stranger."""
        if self._anybody is not None:
            return self._anybody
        for name, value in headers:
            if name == b"x-api-key":
                return self._by_digest.get(hashlib.sha256(value).digest())
        return None


def add(name: str, scope: str, path: Path) -> str:
    """Add a caller to a file and return its new key, which stands nowhere else."""
    key = secrets.token_urlsafe(32)
    line = f"{name} {scope} {hashlib.sha256(key.encode()).hexdigest()}"
    if _LINE.fullmatch(line) is None:
        raise SettingsError(f"expected a name of letters and digits and a scope among {', '.join(SCOPES)}")
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    return key


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python -m examples.intake_service.callers NAME SCOPE FILE")
    try:
        print(add(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
    except SettingsError as error:
        sys.exit(str(error))
