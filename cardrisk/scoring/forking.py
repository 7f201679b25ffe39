"""Scorers across a fork.

Correct when a child forked at any moment, from any thread, can score: nobody holds a scorer's lock while the process
is copied. A memory store is copied with it: the child's history goes its own way from there.
"""

import os
import weakref
from typing import Any, Final

from cardrisk.features.stores import sqlite as _store

# Before a fork, what was registered last runs first, and a scorer's lock must be taken before its store's: hence
# it is imported, and so registered, before the hooks below.
_BEFORE: Final = _store
_SCORERS: Final[weakref.WeakSet[Any]] = weakref.WeakSet()
_HELD: Final[list[Any]] = []


def watch(scorer: Any) -> None:
    """Hold the locks of ``scorer`` during every fork."""
    _SCORERS.add(scorer)


def _before() -> None:
    _HELD.extend(_SCORERS)
    for scorer in _HELD:
        scorer._lock.acquire()
        scorer.metrics._lock.acquire()


def _after() -> None:
    for scorer in _HELD:
        scorer.metrics._lock.release()
        scorer._lock.release()
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
