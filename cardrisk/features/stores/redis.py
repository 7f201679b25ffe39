"""The journal on a Redis server: for intake processes on any number of hosts.

Correct when one script, which the server runs whole or not at all, gives an event its number and its moment, stores
it and reads back what the writer has not seen: one round trip, no lock, no second copy of a card.

An entry is one field of a hash, so that what is forgotten leaves the server's memory at once. Whether events survive
the server is the server's matter: run it with ``appendonly yes`` (and ``appendfsync always`` to lose nothing).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from cardrisk.errors import MissingExtraError, StoreError
from cardrisk.features.stores.base import AGAIN, ANSWER, CARD, Decided, Entry
from cardrisk.features.stores.codec import decode, encode, name_of
from cardrisk.features.stores.rekeying import rekeyed, said_by

PAGE: Final = 2_000
"""Entries read, written or removed at a time: the server serves others in between."""
LARGEST: Final = 2**53
"""Moments beyond this (the year 2255) are no exact numbers to the server."""

_KINDS: Final = {ANSWER: b"0", CARD: b"1", AGAIN: b"3"}
_NAMES: Final = {ord(code): kind for kind, code in _KINDS.items()}

_WRITE: Final = """
local head, rows, names = KEYS[1], KEYS[2], KEYS[3]
local found = redis.call('HMGET', head, 'number', 'moment', 'first')
local number, moment, first = tonumber(found[1] or '0'), found[2], tonumber(found[3] or '1')
local seen, page = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 3, #ARGV, 4 do
  local later, kind, name, row = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if kind == '0' or name == '' or redis.call('HEXISTS', names, name) == 0 then
    number = number + 1
    if not moment or tonumber(later) > tonumber(moment) then moment = later end
    local text = string.format('%.0f', number)
    redis.call('HSET', rows, text, kind .. moment .. ' ' .. #name .. ' ' .. name .. row)
    if kind == '1' and name ~= '' then redis.call('HSET', names, name, text) end
  end
end
if moment then redis.call('HSET', head, 'number', string.format('%.0f', number), 'moment', moment) end
local from = math.max(seen + 1, first)
local stop = math.min(number, from + page - 1)
local out = {string.format('%.0f', number), string.format('%.0f', from)}
for i = from, stop do out[#out + 1] = redis.call('HGET', rows, string.format('%.0f', i)) end
return out
"""

_PUT: Final = """
local head, rows, names, beside = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local found = redis.call('HMGET', head, 'number', 'moment', 'first')
local number, moment, first = tonumber(found[1] or '0'), found[2], tonumber(found[3] or '1')
local seen, page = tonumber(ARGV[1]), tonumber(ARGV[2])
local alone = number == seen and (not moment or tonumber(moment) <= tonumber(ARGV[3]))
for i = 3, #ARGV, 6 do
  alone = alone and (ARGV[i + 2] == '' or redis.call('HEXISTS', names, ARGV[i + 2]) == 0)
  alone = alone and redis.call('HEXISTS', beside, ARGV[i + 4]) == 0
end
if alone then
  for i = 3, #ARGV, 6 do
    local name, row = ARGV[i + 2], ARGV[i + 3]
    number = number + 1
    local text = string.format('%.0f', number)
    redis.call('HSET', rows, text, ARGV[i + 1] .. ARGV[i] .. ' ' .. #name .. ' ' .. name .. row)
    if name ~= '' then redis.call('HSET', names, name, text) end
    redis.call('HSET', beside, ARGV[i + 4], ARGV[i + 5])
  end
  redis.call('HSET', head, 'number', string.format('%.0f', number), 'moment', ARGV[3])
  return {}
end
local from = math.max(seen + 1, first)
local stop = math.min(number, from + page - 1)
local out = {string.format('%.0f', number), string.format('%.0f', from)}
for i = from, stop do out[#out + 1] = redis.call('HGET', rows, string.format('%.0f', i)) end
return out
"""

_REMOVE: Final = """
local head, rows, names = KEYS[1], KEYS[2], KEYS[3]
local gone = 0
for i = 2, #ARGV, 2 do
  gone = gone + redis.call('HDEL', rows, ARGV[i])
  if ARGV[i + 1] ~= '' and redis.call('HGET', names, ARGV[i + 1]) == ARGV[i] then
    redis.call('HDEL', names, ARGV[i + 1])
  end
end
if ARGV[1] ~= '' then
  redis.call('HSET', head, 'first', ARGV[1])
elseif gone > 0 then
  local number = redis.call('HINCRBY', head, 'number', 1)
  redis.call('HSET', rows, string.format('%.0f', number), '3' .. redis.call('HGET', head, 'moment') .. ' 0 []')
end
return gone
"""

_SWAP: Final = """
local head, rows, names, fresh = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local found = redis.call('HMGET', head, 'number', 'moment', 'first')
if found[1] ~= ARGV[1] or (found[3] or '1') ~= ARGV[2] then return 0 end
redis.call('RENAME', fresh, rows)
local number = redis.call('HINCRBY', head, 'number', 1)
redis.call('HSET', rows, string.format('%.0f', number), '3' .. found[2] .. ' 0 []')
return 1
"""


class RedisStore:
    """A journal on a server.

    Parameters
    ----------
    url
        ``redis://host:port/database`` or ``rediss://...``; ``?prefix=NAME`` (default ``cardrisk``) sets journals of
        one database apart, ``&timeout=SECONDS`` (default 1) says how long to wait for the server.

    Raises
    ------
    MissingExtraError
        Without the extra ``cardrisk[redis]``.
    StoreError
        If the URL cannot be read or the server does not answer.

    Notes
    -----
    A connection that breaks in the middle of an ``append`` leaves open whether the event was stored. Handing it over
    again is safe: a card of the same ``submission_id`` is not stored twice.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        self._prefix = options.pop("prefix", "cardrisk")
        self._timeout = _seconds(options.pop("timeout", "1"))
        self._address = urlunsplit(parts._replace(query=urlencode(options)))
        self._keys = [f"{{{self._prefix}}}:{part}" for part in ("head", "rows", "names")]
        self._pid = -1
        self._connect()

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a spawned process open a connection of its own."""
        return RedisStore, (self._url,)

    def _connect(self) -> None:
        """Open connections of this process; those of the process that it was forked from are left alone."""
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as reason:
            raise MissingExtraError("expected the package redis, found none; install cardrisk[redis]") from reason
        self._errors = (redis.RedisError, OSError)
        try:
            self._client = redis.Redis.from_url(
                self._address,
                socket_timeout=self._timeout,
                socket_connect_timeout=self._timeout,
                retry=Retry(NoBackoff(), 0),
            )
        except (ValueError, TypeError) as reason:
            raise StoreError(
                "expected redis://host:port/database?prefix=NAME&timeout=SECONDS, got a URL that is none"
            ) from reason
        self._pid = os.getpid()
        self._write = self._client.register_script(_WRITE)
        self._put = self._client.register_script(_PUT)
        self._remove = self._client.register_script(_REMOVE)
        self._swap = self._client.register_script(_SWAP)
        with self._told():
            for script in (_WRITE, _PUT, _REMOVE, _SWAP):
                self._client.script_load(script)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._errors as reason:
            raise StoreError(
                f"expected the Redis server of the history store to answer within {self._timeout:g} s, got "
                f"{type(reason).__name__}; see that it runs and can be reached, then retry"
            ) from reason

    def _call(self, script: str, arguments: Sequence[Any], more_keys: Sequence[str] = ()) -> Any:
        if self._pid != os.getpid():
            self._connect()
        run: Callable[..., Any] = getattr(self, f"_{script}")
        with self._told():
            return run(keys=[*self._keys, *more_keys], args=arguments)

    def append(self, entry: Entry, seen: int) -> Sequence[Entry]:
        """Store one event: as :meth:`write`."""
        return self.write((entry,), seen)

    def write(self, entries: Sequence[Entry], seen: int) -> Sequence[Entry]:
        """Store events in one round trip; see :class:`~cardrisk.features.stores.base.Store`."""
        arguments = [argument for entry in entries for argument in _arguments(entry)]
        return self._whole(self._call("write", (seen, PAGE, *arguments)))

    def put(self, cards: Sequence[Decided], seen: int, key: str) -> tuple[bool, Sequence[Entry]]:
        """Store cards, each with the record of what was decided, in one round trip - if nothing came after ``seen``.

        Parameters
        ----------
        cards
            Of one moment.
        seen
            The last event that their writer knows.
        key
            A hash of the same prefix, for each card's row, a zero byte and its record, by its name.

        Returns
        -------
        done, entries
            Whether all was stored, with the moment it brought: these are the next events then. Where other events
            came first, or a card or a record of its name is stored already, nothing was stored; the entries after
            ``seen`` follow.
        """
        arguments: list[Any] = [seen, PAGE]
        for moment, name, row, record in cards:
            arguments += (_in_reach(moment), _KINDS[CARD], name, row, name, b"%b\0%b" % (row, record))
        found = self._call("put", arguments, [key])
        if found:
            return False, self._whole(found)
        return True, ()

    def _whole(self, found: Sequence[Any]) -> list[Entry]:
        """Return the entries of an answer, and those that did not fit into it."""
        number, page, after = _parsed(found)
        while after <= number:
            _, more, after = self._page(after - 1)
            page += more
        return page

    def _page(self, seen: int) -> tuple[int, list[Entry], int]:
        """Read what comes after ``seen``: the last number, a page of entries, the first not read."""
        return _parsed(self._call("write", (seen, PAGE)))

    def extend(self, entries: Sequence[Entry]) -> None:
        """Store many events in their order."""
        left = iter(entries)
        while page := [argument for entry in islice(left, PAGE) for argument in _arguments(entry)]:
            self._call("write", (LARGEST, 0, *page))

    def since(self, seen: int) -> Iterator[Entry]:
        """Return entries numbered above ``seen``, in order."""
        number = after = seen + 1
        while after <= number:
            number, page, after = self._page(after - 1)
            yield from page

    def trim(self, before: int) -> int:
        """Forget every entry of a moment before ``before``; returns how many."""
        gone, found = 0, list(islice(self.since(0), PAGE))
        while found and found[0].moment < before:
            old = [entry for entry in found if entry.moment < before]
            gone += self._take_away(old, first=old[-1].number + 1)
            found = list(islice(self.since(old[-1].number), PAGE))
        return gone

    def forget(self, column: str, value: str) -> int:
        """Remove every card with ``value`` in ``column``, and its answers; returns how many entries went.

        Events that arrive while it works are not looked at.
        """
        names, cards = set(), []
        for entry in self.since(0):
            if entry.kind == CARD and entry.row.get(column) == value:
                cards.append(entry)
                names.add(name_of(entry.row))
        names.discard(None)
        answers = [e for e in self.since(0) if names and e.kind == ANSWER and name_of(e.row) in names]
        found = cards + answers
        return sum(self._take_away(found[i : i + PAGE]) for i in range(0, len(found), PAGE))

    def rekey(self, translation: Mapping[str, str]) -> int:
        """Take tokens to the next key; see :class:`~cardrisk.features.stores.base.Store`.

        The journal is written anew beside the one in use, which serves on, and put in its place in one step; what
        comes in meanwhile is written after. Twice the journal's memory is needed for that time.
        """
        words = dict(translation)
        for entry in self.since(0):
            words |= said_by(entry.row)
        fresh = f"{{{self._prefix}}}:rows:next"
        while True:
            with self._told():
                self._client.delete(fresh)
                first = self._client.hget(self._keys[0], "first") or b"1"
            changed, last, removed = 0, 0, False
            while not removed:
                page = list(islice(self.since(last), PAGE))
                if page:
                    changed += self._write_anew(fresh, page, words)
                    removed, last = last > 0 and any(entry.kind == AGAIN for entry in page), page[-1].number
                elif changed == 0 or self._call("swap", (last, first), [fresh]):
                    with self._told():
                        self._client.delete(fresh)
                    return changed
                else:  # trimmed meanwhile, or more came in just now
                    with self._told():
                        removed = (self._client.hget(self._keys[0], "first") or b"1") != first

    def _write_anew(self, key: str, entries: Sequence[Entry], words: Mapping[str, str]) -> int:
        """Write entries under the next key into another hash; returns how many changed."""
        changed = 0
        rows: dict[str | int | float | bytes | bytearray | memoryview[int], Any] = {}
        for entry in entries:
            row = rekeyed(entry.row, words)
            changed += row is not None
            moment, kind, name, data = _arguments(entry if row is None else entry._replace(row=row))
            rows[entry.number] = kind + b"%d %d " % (moment, len(name)) + name + data
        with self._told():
            self._client.hset(key, mapping=rows)
        return changed

    def _take_away(self, entries: Sequence[Entry], first: int | None = None) -> int:
        arguments: list[Any] = ["" if first is None else first]
        for entry in entries:
            arguments += entry.number, (name_of(entry.row) or b"") if entry.kind == CARD else b""
        return int(self._call("remove", arguments))

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        if self._pid == os.getpid():
            self._client.close()


def _arguments(entry: Entry) -> tuple[Any, ...]:
    return _in_reach(entry.moment), _KINDS[entry.kind], name_of(entry.row) or b"", encode(entry.row)[0]


def _in_reach(moment: int) -> int:
    if abs(moment) >= LARGEST:
        raise StoreError(f"expected a moment in microseconds before the year 2255, got {moment}")
    return moment


def _parsed(found: Sequence[Any]) -> tuple[int, list[Entry], int]:
    """Return what a script read: the last number, a page of entries, the first not read."""
    number, first, *rows = found
    start = int(first)
    return int(number), [_entry(start + i, row) for i, row in enumerate(rows) if row], start + max(len(rows), 1)


def _entry(number: int, data: bytes) -> Entry:
    moment, size, rest = data[1:].split(b" ", 2)
    return Entry(int(moment), _NAMES[data[0]], decode(rest[int(size) :]), number)


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e6:
        raise StoreError(f"expected a timeout in seconds, got {text!r}")
    return found
