"""Where secrets live while they are inside: types that print as ``***`` and never pickle.

Correct when no print, format, log line, pickle or copy of these types shows a character of what they hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from cardrisk._later import pa
from cardrisk.tables.arrow import bytes_of

HIDDEN = "***"


class Sealed:
    """Base of everything that holds secrets: prints ``***``, refuses to be pickled or copied."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and is never pickled or copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and is never pickled or copied")


class Secret(Sealed):
    """One secret text, for callers who want to carry it without showing it.

    Parameters
    ----------
    text
        A card number, a card secret or a token key.

    Examples
    --------
    >>> print(Secret("0000"))
    ***
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself; only the intake boundary asks."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    __hash__ = None  # type: ignore[assignment]


class Texts(Sealed):
    """A column of raw texts as UTF-8 bytes: row i is ``data[start[i]:stop[i]]``; null is empty.

    ``data`` may be memory of the caller's own table, so it is read, never written.
    """

    __slots__ = ("data", "start", "stop")

    def __init__(self, data: NDArray[np.uint8], start: NDArray[np.int64], stop: NDArray[np.int64]) -> None:
        self.data, self.start, self.stop = data, start, stop

    def __len__(self) -> int:
        return self.start.size

    def text(self, row: int) -> str:
        """Return row ``row`` as text; bytes that are not UTF-8 come back as lone surrogates."""
        return self.data[self.start[row] : self.stop[row]].tobytes().decode("utf-8", "surrogatepass")

    @classmethod
    def arrow(cls, array: pa.Array) -> Texts:
        """Look at an Arrow large_string array without copying it; null is empty."""
        data, bounds = bytes_of(array)
        stop = bounds[1:]
        if array.null_count:
            stop = np.where(array.is_valid().to_numpy(zero_copy_only=False), stop, bounds[:-1])
        data = data.view()
        data.flags.writeable = False
        return cls(data, bounds[:-1], stop)

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Texts:
        """Pack Python texts; ``None`` becomes empty."""
        return cls(*_packed([(value or "").encode("utf-8", "surrogatepass") for value in values]))


def _packed(
    pieces: list[bytes],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    sizes = np.array([len(piece) for piece in pieces], np.int64)
    stop = np.cumsum(sizes)
    # A bytearray is writable memory, so that compiled code sees one array type and is compiled once.
    return np.frombuffer(bytearray(b"".join(pieces) or b"\0"), np.uint8), stop - sizes, stop


class Codes(Sealed):
    """A column of normalised codes (``0-9A-Z?``): row i is ``data[start[i]:stop[i]]``; unknown is empty.

    Attributes
    ----------
    data : uint8 array
        Memory of our own, zeroed by :meth:`wipe`.
    start, stop : int64 array of n
        Where each code stands in ``data``.
    flags : uint8 array of n
        What was cleaned, as in :mod:`cardrisk.codes.normalise`.
    """

    __slots__ = ("data", "flags", "start", "stop")

    def __init__(
        self,
        data: NDArray[np.uint8],
        start: NDArray[np.int64],
        stop: NDArray[np.int64],
        flags: NDArray[np.uint8],
    ) -> None:
        self.data, self.start, self.stop, self.flags = data, start, stop, flags

    def __len__(self) -> int:
        return self.start.size

    def code(self, row: int) -> str:
        """Return row ``row`` as text; for the hints of one card, never for a table."""
        return self.data[self.start[row] : self.stop[row]].tobytes().decode("ascii")

    @classmethod
    def of(cls, codes: list[bytes]) -> Codes:
        """Pack the normalised codes of a few cards."""
        return cls(*_packed(codes), np.zeros(len(codes), np.uint8))

    def wipe(self) -> None:
        """Overwrite every code with zeros; the rows are empty afterwards."""
        self.data.fill(0)
        self.stop = self.start
