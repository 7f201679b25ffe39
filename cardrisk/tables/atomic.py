"""Outputs that appear whole or not at all.

Correct means: whatever stops the work - an error, a signal, a full disk - every target is either what it was
before or complete, and no working file is left beside it.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cardrisk.errors import UnusableFileError


@contextmanager
def atomic_write(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file or a folder whole or not at all.

    Parameters
    ----------
    target
        Where the output shall appear; what is there is replaced.

    Yields
    ------
    Path
        A path beside ``target`` that does not exist yet: create a file or a folder there.

    Raises
    ------
    UnusableFileError
        ``target`` lies in a folder that cannot be written, or a folder would replace a file or the reverse.
    """
    with atomic_writes(target) as (temporary,):
        yield temporary


@contextmanager
def atomic_writes(*targets: str | os.PathLike[str]) -> Iterator[tuple[Path, ...]]:
    """Write several outputs; none appears unless every one is complete. As `atomic_write`.

    Raises
    ------
    UnusableFileError
        As in `atomic_write`.
    """
    finals = tuple(Path(os.path.realpath(target)) for target in targets)
    for final in finals:
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnusableFileError(f"cannot write {final.name}: {error.strerror} in {final.parent}") from error
    temporaries = tuple(final.with_name(f".{secrets.token_hex(6)}.{final.name}") for final in finals)
    try:
        yield temporaries
        for temporary, final in zip(temporaries, finals, strict=True):
            _fits(temporary, final)
        for temporary, final in zip(temporaries, finals, strict=True):
            _put(temporary, final)
    finally:
        for temporary in temporaries:
            _remove(temporary)


def _fits(temporary: Path, final: Path) -> None:
    if not temporary.exists():
        raise UnusableFileError(f"expected {final.name} to be written, but nothing was")
    if final.exists() and final.is_dir() != temporary.is_dir():
        kind = "folder" if final.is_dir() else "file"
        raise UnusableFileError(f"cannot write {final}: a {kind} of that name is there; choose another name")
    if temporary.is_file():
        with temporary.open("rb") as written:
            os.fsync(written.fileno())


def _put(temporary: Path, final: Path) -> None:
    if not final.is_dir():
        temporary.replace(final)
        return
    aside = final.with_name(f".{secrets.token_hex(6)}.{final.name}.old")
    final.rename(aside)
    try:
        temporary.rename(final)
    except OSError:
        aside.rename(final)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
