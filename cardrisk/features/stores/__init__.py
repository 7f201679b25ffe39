"""Where live history is kept: in memory, in one SQLite file, in Redis; one interface."""

from cardrisk.features.stores.base import Entry, Store, open_store

__all__ = ["Entry", "Store", "open_store"]
