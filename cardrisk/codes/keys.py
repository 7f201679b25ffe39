"""The token key: where it comes from, what makes it good enough, and how it is rotated.

Correct when a key is never shown, never pickled, and a weak or missing one is refused in words that do not quote it.

**Rotation with overlap.** Hand over the current key *and* the next one: every card then gets the tokens of both
(columns ``..._token`` and ``..._token_next``). After at least the longest window whose duplicate and velocity
features must not notice, re-key what was kept (:func:`cardrisk.codes.rekey`) and hand over the next key alone.
"""

import hmac
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cardrisk.codes.sealed import Sealed, Secret
from cardrisk.errors import CardriskError, KeyMaterialError

ENVIRONMENT: Final = "CARDRISK_KEY"
ENVIRONMENT_NEXT: Final = "CARDRISK_KEY_NEXT"
SHORTEST_KEY: Final = 32
"""Bytes: HMAC-SHA-256 keys shorter than the digest weaken it (RFC 2104, section 3)."""
FEWEST_DISTINCT: Final = 8
"""Different bytes a key must hold: a guard against filler, not a proof of randomness."""
KEY_ID_BYTES: Final = 4

KeyMaterial = bytes | bytearray | memoryview | str | Secret


class Key(Sealed):
    """One token key; prints ``***``, its ``id`` is public.

    Parameters
    ----------
    material
        At least 32 random bytes; a text counts as its UTF-8 bytes.

    Raises
    ------
    KeyMaterialError
        Too short, or plainly not random.
    """

    __slots__ = ("_material", "id")

    def __init__(self, material: KeyMaterial) -> None:
        if isinstance(material, Secret):
            material = material.reveal()
        if not isinstance(material, str | bytes | bytearray | memoryview):
            raise KeyMaterialError(f"token key: expected bytes or a text, got {type(material).__name__}")
        # Bytes of the environment that are not UTF-8 come as lone surrogates; this gives them back as they were.
        try:
            raw = material.encode("utf-8", "surrogateescape") if isinstance(material, str) else bytes(material)
        except UnicodeEncodeError:
            raw = None  # the error holds the text: it must be gone before another one is raised
        if raw is None:
            raise KeyMaterialError("token key: expected bytes or a text of Unicode characters, got lone surrogates")
        if len(raw) < SHORTEST_KEY:
            raise KeyMaterialError(
                f"token key: expected at least {SHORTEST_KEY} bytes, got {len(raw)}; make one with "
                "`python -c 'import secrets; print(secrets.token_urlsafe(32))'`"
            )
        if len(set(raw)) < FEWEST_DISTINCT:
            raise KeyMaterialError(
                f"token key: expected random bytes, got {len(set(raw))} different ones; use a random generator"
            )
        self._material = raw
        self.id = hmac.digest(raw, b"cardrisk key id", "sha256")[:KEY_ID_BYTES].hex()

    def reveal(self) -> bytes:
        """Return the key itself; only the tokeniser asks."""
        return self._material

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and hmac.compare_digest(self._material, other._material)

    __hash__ = None  # type: ignore[assignment]


class KeyRing(Sealed):
    """The key in force and, while rotating, the next one.

    Parameters
    ----------
    current, next
        Keys or their material.

    Raises
    ------
    KeyMaterialError
        A key is not good enough, or both are the same.
    """

    __slots__ = ("current", "next")

    def __init__(self, current: Key | KeyMaterial, next: Key | KeyMaterial | None = None) -> None:  # noqa: A002
        self.current = current if isinstance(current, Key) else Key(current)
        self.next = next if next is None or isinstance(next, Key) else Key(next)
        if self.next is not None and self.next.id == self.current.id:
            raise KeyMaterialError(
                f"token key: current and next key are the same (id {self.current.id}); to rotate, make a new key"
            )


KeySource = KeyRing | Key | Secret | bytes | bytearray | memoryview | str | Path | Callable[[], object]
"""What may be handed over as ``key``: a ring, a key, its bytes, the path of a key file, or a callable.

A plain ``str`` or ``Path`` is the path of a file, never the key itself, so that keys do not end up in code; the
file's first line is the current key, a second line the next one. A callable (say, for a key service) returns
any of these, or a pair (current, next).
"""


def resolve(source: KeySource | None = None) -> KeyRing | None:
    """Return the key ring ``source`` stands for; ``None`` asks the environment, which may have none.

    Parameters
    ----------
    source
        See :data:`KeySource`; ``None`` reads ``CARDRISK_KEY`` and, while rotating, ``CARDRISK_KEY_NEXT``.

    Returns
    -------
    KeyRing or None
        ``None`` only when nothing was handed over and the environment holds no key.

    Raises
    ------
    KeyMaterialError
        The source cannot be read or its key is not good enough.
    """
    if source is None:
        return _from_environment()
    if isinstance(source, KeyRing):
        return source
    if isinstance(source, Key | Secret | bytes | bytearray | memoryview):
        return KeyRing(source)
    if isinstance(source, str | Path):
        return _from_file(source)
    return _from_callable(source)


def _from_environment() -> KeyRing | None:
    current, following = os.environ.get(ENVIRONMENT), os.environ.get(ENVIRONMENT_NEXT)
    if not current:
        if following:
            raise KeyMaterialError(f"{ENVIRONMENT_NEXT} is set but {ENVIRONMENT} is not; set the key in force first")
        return None
    return KeyRing(current, following or None)


def _from_file(source: str | Path) -> KeyRing:
    path = Path(source)
    try:
        lines = [line.strip() for line in path.read_bytes().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        # A text that names no file may be the key itself, handed over by mistake: it is not said back.
        name = f" {path}" if isinstance(source, Path) or path.parent != Path() else ""
        said = getattr(error, "strerror", None) or "no path"
    else:
        return _from_lines(path, lines)
    raise KeyMaterialError(
        f"token key file{name}: expected a readable file, got {said}; a text is taken as a file's path, "
        "hand over the key itself as bytes or as a Secret"
    )


def _from_lines(path: Path, lines: list[bytes]) -> KeyRing:
    if not 1 <= len(lines) <= 2:
        raise KeyMaterialError(
            f"token key file {path}: expected one key a line, current then next, got {len(lines)} lines"
        )
    return KeyRing(*lines)


def _from_callable(source: Callable[[], object]) -> KeyRing:
    if not callable(source):
        raise KeyMaterialError(f"token key: expected a key, a file's path or a callable, got {type(source).__name__}")
    try:
        answer = source()
    except CardriskError:
        raise
    except Exception as error:
        failed = type(error).__name__
    else:
        return _from_answer(answer)
    # Raised after the key service's own error is gone: its words might hold the key.
    raise KeyMaterialError(f"token key callable: expected a key, got {failed}; its words are withheld")


def _from_answer(answer: object) -> KeyRing:
    if isinstance(answer, tuple | list) and len(answer) == 2:
        return KeyRing(answer[0], answer[1])
    if isinstance(answer, str):
        return KeyRing(answer)
    if isinstance(answer, KeyRing | Key | Secret | bytes | bytearray | memoryview):
        ring = resolve(answer)
        assert ring is not None  # noqa: S101
        return ring
    raise KeyMaterialError(f"token key callable: expected bytes, a text or a pair, got {type(answer).__name__}")
