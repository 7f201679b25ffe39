"""A bundle on disk: a folder of plain files under one manifest, verified before anything in it is parsed.

Correctness: ``read`` returns the bytes that were saved or raises ``BundleError``; no byte of a file reaches a
parser before the digest of the whole file has been compared, and what is parsed is what was hashed (each file is
read once). Loading runs no code: there is no pickle, no import, no path taken from inside a bundle.

``MANIFEST`` is line text, compared character by character with what its own content would be written as::

    cardrisk-bundle 1
    file <sha256> <bytes> <name>          one line per file, sorted by name
    hmac-sha256 <hex>                     only in keyed bundles: over the lines above
    digest <sha256>                       over all lines above; it names the bundle
"""

import hashlib
import hmac
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cardrisk.errors import BundleError

PROTOCOL: Final = 1
READABLE: Final = (1,)
"""Protocols that this version reads."""

MANIFEST: Final = "MANIFEST"
MAX_FILES: Final = 16
MAX_MANIFEST: Final = 8_192
MAX_BYTES: Final = 1 << 30
"""Largest file that is read, bytes."""

KEY_BYTES: Final = 16
"""Shortest signing key, bytes."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}\.(?:json|txt)")
_FILE_LINE = re.compile(rf"file ([0-9a-f]{{64}}) (0|[1-9][0-9]{{0,12}}) ({_NAME.pattern})")
_SEAL = re.compile(r"hmac-sha256 ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Contents:
    """Verified content of a bundle: ``files`` by name, and the ``digest`` that names the whole."""

    files: Mapping[str, bytes]
    digest: str


def write(folder: str | os.PathLike[str], files: Mapping[str, bytes], *, key: bytes | None = None) -> str:
    """Write a bundle whole or not at all.

    Parameters
    ----------
    folder
        Where it shall stand. A bundle that stands there, or an empty folder, is replaced; anything else is refused.
    files
        Content by file name.
    key
        Signing key, at least 16 bytes; None writes an unsigned bundle.

    Returns
    -------
    str
        The bundle's digest.

    Raises
    ------
    BundleError
        If the target holds something else or cannot be written beside, a name is not allowed, or the key is too short.
    """
    target = Path(folder)
    manifest, digest = _manifest(files, _checked_key(key))
    _refuse_foreign(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as reason:
        raise BundleError(
            f"expected a folder that can be written at {target.parent}, got: {reason.strerror}; choose another one"
        ) from None
    try:
        for name, content in {**files, MANIFEST: manifest}.items():
            _write_through(staged / name, content)
        staged.chmod(0o755)
        _move_in(staged, target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return digest


def read(folder: str | os.PathLike[str], *, key: bytes | None = None, digest: str | None = None) -> Contents:
    """Read and verify a bundle.

    Parameters
    ----------
    folder
        The bundle's folder.
    key
        Signing key: then only bundles signed with it are read. None: digests are verified, a seal is not.
    digest
        The digest expected, which also refuses an older bundle put back in its place. None: any.

    Returns
    -------
    Contents
        The files' bytes.

    Raises
    ------
    BundleError
        If anything is missing, extra, changed, linked, unsigned under a key, or not the bundle expected.
    """
    root = Path(folder)
    key = _checked_key(key)
    try:
        present = sorted(os.listdir(root))
    except OSError as error:
        raise BundleError(f"expected a bundle folder at {root}, got {type(error).__name__}") from None
    if MANIFEST not in present:
        raise BundleError(f"expected a bundle at {root}: no {MANIFEST} in it; give the folder that `save` wrote")
    listed, named = _parse_manifest(_read_file(root, MANIFEST, MAX_MANIFEST), key)
    if digest is not None and not hmac.compare_digest(named, digest.lower()):
        raise BundleError(
            f"expected the bundle {digest[:12]}..., got {named[:12]}...; an older or another one was put there"
        )
    if present != sorted([*listed, MANIFEST]):
        odd = sorted(set(present) ^ {*listed, MANIFEST})
        raise BundleError(f"expected the files {sorted(listed)} in {root}, differing: {odd[:5]}; restore the bundle")
    files = {name: _read_file(root, name, size, exact=True) for name, (_, size) in listed.items()}
    for name, (expected, _) in listed.items():
        if not hmac.compare_digest(hashlib.sha256(files[name]).hexdigest(), expected):
            raise BundleError(f"{name} is not the file that was saved (its digest differs); restore the bundle")
    return Contents(files, named)


def content_digest(files: Mapping[str, bytes]) -> str:
    """Digest of the content alone: equal for signed and unsigned copies."""
    return _digest(_file_lines(files))


def is_bundle(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds a bundle's manifest (nothing is verified)."""
    return (Path(folder) / MANIFEST).is_file()


def _manifest(files: Mapping[str, bytes], key: bytes | None) -> tuple[bytes, str]:
    wrong = [name for name in files if not _NAME.fullmatch(name)]
    if wrong or not 0 < len(files) <= MAX_FILES:
        raise BundleError(
            f"expected 1 to {MAX_FILES} files named like model.json, got {len(files)}, wrong: {wrong[:5]}"
        )
    lines = [f"cardrisk-bundle {PROTOCOL}"]
    lines += [f"file {hashlib.sha256(files[name]).hexdigest()} {len(files[name])} {name}" for name in sorted(files)]
    if key is not None:
        lines.append(f"hmac-sha256 {_seal(lines, key)}")
    digest = _digest(lines)
    return ("\n".join([*lines, f"digest {digest}"]) + "\n").encode("ascii"), digest


def _file_lines(files: Mapping[str, bytes]) -> list[str]:
    return [
        f"file {hashlib.sha256(content).hexdigest()} {len(content)} {name}" for name, content in sorted(files.items())
    ]


def _parse_manifest(content: bytes, key: bytes | None) -> tuple[dict[str, tuple[str, int]], str]:
    """Files (digest, size) by name and the bundle's digest."""
    damaged = BundleError(f"{MANIFEST} is damaged or was not written by this library; restore the bundle")
    try:
        lines = content.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise damaged from None
    if len(lines) < 4 or lines[-1] != "" or not hmac.compare_digest(lines[-2], f"digest {_digest(lines[:-2])}"):
        raise damaged
    head, body = lines[0], lines[1:-2]
    version = re.fullmatch(r"cardrisk-bundle ([1-9][0-9]{0,5})", head)
    if not version:
        raise damaged
    if int(version[1]) not in READABLE:
        raise BundleError(f"expected bundle protocol {READABLE}, got {version[1]}; update cardrisk or train again")
    seal = _SEAL.fullmatch(body[-1]) if body else None
    _check_seal(lines[:-3], seal, key)
    matches = [_FILE_LINE.fullmatch(line) for line in (body[:-1] if seal else body)]
    listed = {match[3]: (match[1], int(match[2])) for match in matches if match}
    if len(listed) != len(matches) or not 0 < len(listed) <= MAX_FILES or list(listed) != sorted(listed):
        raise damaged
    return listed, lines[-2].removeprefix("digest ")


def _check_seal(sealed: list[str], seal: re.Match[str] | None, key: bytes | None) -> None:
    if key is None:
        return
    if seal is None:
        raise BundleError("expected a bundle signed with the given key, got an unsigned one; save it with that key")
    if not hmac.compare_digest(seal[1], _seal(sealed, key)):
        raise BundleError("the bundle is not signed with the given key; load only bundles that you saved")


def _digest(lines: list[str]) -> str:
    return hashlib.sha256(("\n".join(lines) + "\n").encode("ascii")).hexdigest()


def _seal(lines: list[str], key: bytes) -> str:
    return hmac.new(key, ("\n".join(lines) + "\n").encode("ascii"), hashlib.sha256).hexdigest()


def _checked_key(key: bytes | None) -> bytes | None:
    if key is not None and len(key) < KEY_BYTES:
        raise BundleError(f"expected a signing key of at least {KEY_BYTES} bytes, got {len(key)}")
    return key


def _read_file(root: Path, name: str, size: int, *, exact: bool = False) -> bytes:
    """The bytes of one regular file, never through a link, never more than ``size``."""
    try:
        opened = open(root / name, "rb", opener=_unlinked)  # noqa: SIM115 - closed below
    except OSError as error:
        raise BundleError(
            f"cannot read {name} of the bundle ({type(error).__name__}); links are not followed"
        ) from None
    with opened as file:
        status = os.fstat(file.fileno())
        fits = status.st_size == size if exact else status.st_size <= size
        if not stat.S_ISREG(status.st_mode) or not fits or size > MAX_BYTES:
            raise BundleError(f"{name} of the bundle is not the regular file of {size} bytes that was saved")
        content = file.read(size + 1)
    if len(content) != status.st_size:
        raise BundleError(f"{name} of the bundle changed while it was read; load it again")
    return content


def _unlinked(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _write_through(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _refuse_foreign(target: Path) -> None:
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir() or (any(target.iterdir()) and not is_bundle(target)):
        raise BundleError(
            f"expected a new, empty or bundle folder at {target}, got something else; choose another name"
        )


def _move_in(staged: Path, target: Path) -> None:
    """Put the staged folder in place; the old one stands until the new one is complete on disk."""
    if not target.exists():
        os.rename(staged, target)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    os.rename(target, aside / "bundle")
    try:
        os.rename(staged, target)
    except OSError:
        os.rename(aside / "bundle", target)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
