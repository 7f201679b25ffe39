"""Settings of the service: environment variables, read once, every mistake named at once.

Correct when a service that starts runs with the settings that were given, and one that cannot says which variable is
wrong and what it should be, without showing any value.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PREFIX: Final = "CARDRISK_SERVICE_"
KEY: Final = "CARDRISK_KEY"


class SettingsError(ValueError):
    """Settings that cannot be used; one line for each."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one service runs with; every field is the variable ``CARDRISK_SERVICE_<FIELD>``.

    Attributes
    ----------
    store
        ``sqlite:///PATH`` or ``redis://HOST:PORT/NUMBER``; ``memory://`` for one worker.
    callers
        File of callers (see ``callers.py``), or ``open``: anybody may do anything, for trials on the loopback.
    shared
        Folder of what the workers count together. ``python -m examples.intake_service`` makes one.
    model
        Bundle folder or ``models:/name@alias``; empty: the bundle that ships with the package.
    start
        ``degraded``: with a store or model that is down, start all the same and hold every card until it is back;
        ``strict``: refuse to start.
    clock
        ``arrival``: a card counts from the moment the service read it. ``given``: from its own ``received_at`` or
        ``submitted_at``, for replaying trusted events only.
    reasons, language, tz
        As :class:`cardrisk.Scorer` takes them.
    host, port, workers
        Where to listen, and processes.
    card_bytes, body_bytes
        Largest body with one card; largest body with many cards or answers.
    together
        Most cards or answers of one request.
    read_seconds
        Longest time a request's body may take to arrive.
    rate, burst
        Cards and calls a second that a caller may keep up, and at once after a silence; over all workers of a host.
    at_once
        Connections and requests of a worker before it refuses more with 503.
    keep_days
        Days after which events and decisions leave the store, 90 at least; 0: never. Once an hour every worker looks.
    drain_seconds
        Longest time to finish what runs when told to stop.
    log
        ``debug``, ``info`` (a line a request), ``warning`` or ``error``.
    """

    store: str = field(repr=False)
    callers: str
    shared: str
    model: str = ""
    start: str = "degraded"
    clock: str = "arrival"
    reasons: str = "stopped"
    language: str = "en"
    tz: str = ""
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    card_bytes: int = 16_384
    body_bytes: int = 4_194_304
    together: int = 1_000
    read_seconds: float = 5.0
    rate: float = 5_000.0
    burst: int = 10_000
    at_once: int = 1_024
    keep_days: int = 0
    drain_seconds: int = 10
    log: str = "warning"

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the environment.

        Raises
        ------
        SettingsError
            Naming every variable that is missing, unknown or wrong.
        """
        values, wrong = {}, []
        for name, (read, expected) in _FIELDS.items():
            text = environ.get(PREFIX + name.upper())
            if text is None:
                continue
            try:
                values[name] = read(text)
            except ValueError:
                wrong.append(f"{PREFIX}{name.upper()}: expected {expected}")
        known = {PREFIX + name.upper() for name in _FIELDS}
        wrong += [
            f"{name}: no such setting" for name in sorted(environ) if name.startswith(PREFIX) and name not in known
        ]
        wrong += [
            f"{PREFIX}{name.upper()}: expected {_FIELDS[name][1]}, got nothing"
            for name in ("store", "callers", "shared")
            if name not in values and PREFIX + name.upper() not in environ
        ]
        if len(environ.get(KEY, "")) < 32:
            wrong.append(f"{KEY}: expected at least 32 random characters, the same for every process of the platform")
        if str(values.get("store", "")).startswith("memory:") and values.get("workers", 1) != 1:
            wrong.append(f"{PREFIX}STORE: expected sqlite:///... or redis://...: workers do not share memory://")
        if wrong:
            raise SettingsError("\n".join(wrong))
        return cls(**values)


def _one_of(*values: str) -> tuple[Callable[[str], Any], str]:
    def read(text: str) -> str:
        if text not in values:
            raise ValueError
        return text

    return read, f"one of {', '.join(values)}"


def _number(kind: type[int] | type[float], least: float, most: float) -> tuple[Callable[[str], Any], str]:
    def read(text: str) -> float:
        found = kind(text)
        if not least <= found <= most:
            raise ValueError
        return found

    return read, f"{'a whole number' if kind is int else 'a number'} from {least:g} to {most:g}"


def _store(text: str) -> str:
    if text.split(":", 1)[0] not in ("memory", "sqlite", "redis", "rediss"):
        raise ValueError
    return text


def _days(text: str) -> int:
    found = int(text)
    if found and not 90 <= found <= 36_500:
        raise ValueError
    return found


def _some(text: str) -> str:
    if not text:
        raise ValueError
    return text


_FIELDS: Final[Mapping[str, tuple[Callable[[str], Any], str]]] = {
    "store": (_store, "sqlite:///PATH, redis://HOST:PORT/NUMBER or memory://"),
    "callers": (_some, "a file of callers, or the word open"),
    "shared": (_some, "a folder that all workers share"),
    "model": (str, "a bundle folder or models:/name@alias"),
    "start": _one_of("degraded", "strict"),
    "clock": _one_of("arrival", "given"),
    "reasons": _one_of("stopped", "all", "none"),
    "language": _one_of("en", "zh"),
    "tz": (str, "a time zone such as Asia/Shanghai"),
    "host": (_some, "an address to listen on"),
    "port": _number(int, 1, 65_535),
    "workers": _number(int, 1, 256),
    "card_bytes": _number(int, 256, 1_048_576),
    "body_bytes": _number(int, 256, 67_108_864),
    "together": _number(int, 1, 10_000),
    "read_seconds": _number(float, 0.05, 300),
    "rate": _number(float, 0.01, 1e7),
    "burst": _number(int, 1, 10_000_000),
    "at_once": _number(int, 1, 100_000),
    "keep_days": (_days, "0, or a whole number from 90 to 36500"),
    "drain_seconds": _number(int, 1, 3_600),
    "log": _one_of("debug", "info", "warning", "error"),
}
