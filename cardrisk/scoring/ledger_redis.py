"""Records on the Redis server that holds the history.

Correct when the first record of a card stands, in one round trip: the server runs the script whole or not at all.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from cardrisk.errors import StoreError
from cardrisk.features.stores.base import Entry
from cardrisk.features.stores.redis import RedisStore
from cardrisk.scoring.record import Context, Record, key_of, name_of_context

_KEEP: Final = """
local out = {}
for i = 1, #ARGV, 2 do
  local kept = redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1])
  out[#out + 1] = kept == 1 and '' or redis.call('HGET', KEYS[1], ARGV[i])
end
return out
"""
PAGE: Final = 500
"""Records looked at in one round trip while forgetting."""


class RedisLedger:
    """Records on a server, beside the journal of the same prefix.

    Parameters
    ----------
    url
        As :class:`~cardrisk.features.stores.redis.RedisStore` takes it.
    store
        The journal.

    Raises
    ------
    StoreError
        The server does not answer.
    """

    def __init__(self, url: str, store: RedisStore) -> None:
        self._store = store
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        prefix = options.pop("prefix", "cardrisk")
        self._timeout = float(options.pop("timeout", "1"))
        self._address = urlunsplit(parts._replace(query=urlencode(options)))
        self._rows, self._contexts = f"{{{prefix}}}:decisions", f"{{{prefix}}}:contexts"
        self._connect()

    def _connect(self) -> None:
        """Open connections of this process; those of the process that it was forked from are left alone."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._pid, self._errors = os.getpid(), (redis.RedisError, OSError)
        self._client: Any = redis.Redis.from_url(
            self._address,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            retry=Retry(NoBackoff(), 0),
        )
        self._keep = self._client.register_script(_KEEP)

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        if self._pid != os.getpid():
            self._connect()
        try:
            yield self._client
        except self._errors as reason:
            raise StoreError(
                f"expected the Redis server of the decisions to answer within {self._timeout:g} s, got "
                f"{type(reason).__name__}; see that it runs and can be reached, then retry"
            ) from reason

    def enter(self, context: Context) -> str:
        """Keep a context; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        body = context.dump()
        name = name_of_context(body)
        with self._asking() as client:
            client.hsetnx(self._contexts, name, body)
            client.script_load(_KEEP)
        return name

    def keep(self, records: Sequence[Record]) -> list[Record]:
        """Keep records; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        arguments = [part for r in records for part in (key_of(r.card["submission_id"]), r.dump())]
        with self._asking():
            found = self._keep(keys=[self._rows], args=arguments)
        return [Record.parse(body) if body else record for body, record in zip(found, records, strict=True)]

    def put(self, records: Sequence[Record], seen: int) -> tuple[bool, Sequence[Entry]]:
        """Store cards and keep their records in one step; see :class:`~cardrisk.scoring.ledger.Ledger`."""
        return self._store.put([record.parts() for record in records], seen, self._rows)

    def find(self, name: str) -> Record | None:
        """Return the record of a ``submission_id``."""
        with self._asking() as client:
            body = client.hget(self._rows, key_of(name))
        return None if body is None else Record.parse(body)

    def context(self, name: str) -> Context | None:
        """Return a context by its name."""
        with self._asking() as client:
            body = client.hget(self._contexts, name)
        return None if body is None else Context.parse(body)

    def forget(self, submitter: str) -> int:
        """Remove the records of a person's cards; return how many."""
        return self._remove(lambda record: record.card.get("submitter_id") == submitter)

    def trim(self, before: int) -> int:
        """Remove records of moments before ``before``; return how many."""
        return self._remove(lambda record: record.moment < before)

    def _remove(self, unwanted: Any) -> int:
        with self._asking() as client:
            gone = [name for name, body in client.hscan_iter(self._rows, count=PAGE) if unwanted(Record.parse(body))]
            return sum(client.hdel(self._rows, *gone[i : i + PAGE]) for i in range(0, len(gone), PAGE))

    def close(self) -> None:
        """Close the connections; the next use opens them again."""
        if self._pid == os.getpid():
            self._client.close()
