"""Features of a table too big for one process: cut it by key, compute the parts anywhere, join them by row.

Correct when, however rows are cut into chunks and entities into parts, the joined table has the bits of
:func:`cardrisk.features.compute` over the whole.

Everything here is a function over pandas frames of int64 (NumPy) columns; who moves them (a process pool with
files, Spark) is not its business. The order of work, where ``seq`` is a row's place in all tables, history first:

1. Per chunk of submissions after intake: ``events_of(chunk, seq, features, asks=...)`` -> narrow events.
   Per chunk of valid outcomes: ``outcomes_of(chunk, rank, features)`` with ``rank`` over all outcome tables.
2. Per group of ids (events' ``seq, time`` with ``id``; outcomes with the same ids together):
   ``settled(cards, outcomes)`` -> seqs that repeat an id, answers that stand. Set ``counts = 0`` in the events of
   those seqs (a table that forbids repeats drops such rows instead, before all this).
3. Per group of ``is card_token`` (of events with one): ``resubmitted_in(events)`` -> column ``flag resubmitted``,
   joined to the events by ``seq`` (``NULL`` elsewhere) if ``"flag resubmitted" in plan.derived``.
   Per group of (``is batch_id``, ``time``): ``requests_in(plan, events)``; of events without a batch in any cut.
   Per days in a row: ``rings_on(days, events of those and of the 7 before, answers about them)`` where ``plan.rings``.
4. Per part of ``part_plan(features).parts`` (one a key): ``mine = events_for(part, events)`` and
   ``answers_for(part, answers, mine)``, then, per group of ``entity``: ``compute_part(part, mine, answers)``.
   Groups may hold many entities, an entity must not be split. Groups too big for memory: ``compute_large`` takes
   the same frames piece by piece and walks them from disk, in the order of time.
5. Per chunk of rows that ask: ``rows = Rows(chunk, seq, features)``, ``rows.add(...)`` for every result of 3 and 4
   that may hold some of its rows, in any order, then ``rows.finished()`` -> features.
"""

from cardrisk.features.parts.facts import (
    TOKEN,
    day_of,
    request_columns,
    requests_in,
    resubmitted_in,
    ring_columns,
    rings_on,
)
from cardrisk.features.parts.identity import identities, identity, together
from cardrisk.features.parts.joined import Rows
from cardrisk.features.parts.keyed import answers_for, compute_part, events_for
from cardrisk.features.parts.large import compute_large
from cardrisk.features.parts.narrow import entity_of, events_of, outcomes_of, settled
from cardrisk.features.parts.plan import RESUBMITTED, Part, PartPlan, label, part_plan

__all__ = [
    "RESUBMITTED",
    "TOKEN",
    "Part",
    "PartPlan",
    "Rows",
    "answers_for",
    "compute_large",
    "compute_part",
    "day_of",
    "entity_of",
    "events_for",
    "events_of",
    "identities",
    "identity",
    "label",
    "outcomes_of",
    "part_plan",
    "request_columns",
    "requests_in",
    "resubmitted_in",
    "ring_columns",
    "rings_on",
    "settled",
    "together",
]
