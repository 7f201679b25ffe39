"""What a job has done: its folder beside the output, which a later run of the same command goes on from.

Correct when a run that goes on gives the bytes of one that was never interrupted: a task is done exactly when its
file stands under its name, and everything that its bytes depend on is in the manifest.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

from cardrisk.errors import InputError

PROTOCOL: Final = 5
"""Raised whenever tasks write or read something else: no job goes on from what it would read wrongly."""
MANIFEST: Final = "manifest.json"
LOCK: Final = "lock"


def folder_of(target: Path) -> Path:
    """Where the job that writes ``target`` works."""
    real = Path(os.path.realpath(target))
    return real.with_name(f".{real.name}.job")


def stamp(path: Path) -> list[Any]:
    """What tells that a file is still the same: path, size, time of change."""
    about = path.stat()
    return [str(path.resolve()), about.st_size, about.st_mtime_ns]


class Journal:
    """The folder of one job, held by one process at a time.

    Parameters
    ----------
    target
        The job's output.

    Raises
    ------
    InputError
        Another process works on the same output.
    """

    def __init__(self, target: Path) -> None:
        self.folder = folder_of(target)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise InputError(f"{target.name}: another job is writing it; wait for it, or choose another name") from None

    def begin(self, asked: dict[str, Any]) -> str | None:
        """Make the folder ready for what is asked.

        Parameters
        ----------
        asked
            Everything that the bytes of the job's files depend on, as JSON holds it.

        Returns
        -------
        str or None
            What became of an earlier run's work: "goes on", "starts anew: ..." or None where there was none.
        """
        path = self.folder / MANIFEST
        now = {"protocol": PROTOCOL, **asked}
        digest = hashlib.sha256(json.dumps(now, sort_keys=True).encode()).hexdigest()
        before = self._read(path)
        if before is not None and before.get("digest") == digest:
            for scratch in self.folder.rglob(".*"):
                if scratch.is_file():
                    scratch.unlink(missing_ok=True)
            return "goes on"
        self.empty()
        self.put(MANIFEST, {"digest": digest, **now})
        if before is None:
            return None
        changed = sorted(name for name in now if before.get(name) != now[name])
        return f"starts anew: {', '.join(changed) or 'manifest'} changed"

    @staticmethod
    def _read(path: Path) -> dict[str, Any] | None:
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def put(self, name: str, document: Any) -> None:
        """Write a small document, whole."""
        scratch = self.folder / f".{name}"
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(document, file)
        scratch.replace(self.folder / name)

    def get(self, name: str) -> Any:
        """Read a document that :meth:`put` wrote; None where there is none."""
        return self._read(self.folder / name)

    def empty(self) -> None:
        """Remove everything but the lock."""
        for path in self.folder.iterdir():
            if path.name != LOCK:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def remove(self) -> None:
        """Remove the folder; the job is over."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let another process have the folder."""
        os.close(self._lock)
