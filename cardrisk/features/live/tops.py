"""How often the commonest value stands among an entity's failures, one event at a time.

Each value that an entity's answers carry has a node with its count per window; nodes of one entity form a chain.
"""

from cardrisk._compiled import compiled
from cardrisk.features.arrays import NEVER
from cardrisk.features.live import book as at_
from cardrisk.features.live.book import Cells, beyond, cells, row_of
from cardrisk.features.live.kernel import Tables, advance_answers, of_key, stream_of
from cardrisk.features.live.layout import (
    AFTER,
    ANSWER_CODES,
    ANSWER_HEAD,
    BEFORE,
    CHANNEL,
    COMING_ANSWER,
    FREE,
    FROM,
    KIND,
    NEXT_NODE,
    NODE_HEADER,
    NODES,
    REFERENCES,
    SPAN,
    STATE,
    STREAM,
    TIME,
    TO,
    TOP,
    USED,
    VALUE,
    WIDTHS,
)


@compiled
def _advance_top(book: Cells, slot: Cells, key: int, s: int, t: int, nodes: int, tables: Tables) -> None:
    """Bring the counts of one top stream's values up to ``t``; the slot's nodes lie on the page ``nodes``."""
    keys, streams, spans, _, sizes, _ = tables
    stream, coming = stream_of(streams, s), of_key(keys, key, COMING_ANSWER)
    wide, tails, head = stream[WIDTHS], beyond(slot, stream[STATE]), slot[ANSWER_HEAD]
    to_value = sizes[ANSWER_CODES] + stream[CHANNEL]
    while head >= 0:
        row = row_of(book, at_.ANSWERS, head)
        if row[TIME] >= t:
            break
        old = row[BEFORE]
        new = _node(book, slot, s, row[to_value], nodes)
        gone = _node(book, slot, s, row_of(book, at_.ANSWERS, old)[to_value], nodes) if old >= 0 else 0
        for w in range(wide):
            tail = tails[w]
            if new > 0:
                row_of(book, nodes, new)[NODE_HEADER + w] += 1
            if gone > 0 and 0 <= tail <= old:
                row_of(book, nodes, gone)[NODE_HEADER + w] -= 1
            if tail < 0:
                tails[w], tails[wide + w] = head, row[TIME]
        head = row[coming]
    for w in range(wide):
        span, moment = spans[stream[SPAN] + w], tails[wide + w]
        if span == NEVER or moment >= t - span:
            continue
        k = tails[w]
        row = row_of(book, at_.ANSWERS, k)
        while moment < t - span:
            gone = _node(book, slot, s, row[to_value], nodes)
            if gone > 0 and (row[AFTER] < 0 or 0 <= head <= row[AFTER]):
                row_of(book, nodes, gone)[NODE_HEADER + w] -= 1
            k = -1 if row[coming] == head else row[coming]
            row = row_of(book, at_.ANSWERS, k)
            moment = row[TIME] if k >= 0 else NEVER
        tails[w], tails[wide + w] = k, moment


@compiled
def _node(book: Cells, slot: Cells, s: int, value: int, nodes: int) -> int:
    """Return the node of a value, 0 where there is none or the value is unknown."""
    if value < 0:
        return 0
    node = slot[NODES]
    while node > 0:
        held = row_of(book, nodes, node)
        if held[STREAM] == s and held[VALUE] == value:
            break
        node = held[NEXT_NODE]
    return int(max(node, 0))


@compiled
def top_of(book: Cells, slot: Cells, s: int, w: int, nodes: int) -> int:
    """Return how often the commonest value stands in a window."""
    most, node = 0, slot[NODES]
    while node > 0:
        held = row_of(book, nodes, node)
        if held[STREAM] == s:
            most = max(most, held[NODE_HEADER + w])
        node = held[NEXT_NODE]
    return most


@compiled
def copy_nodes(book: Cells, slot: Cells) -> None:
    """Copy a slot's nodes to the page of those that may be written to, and let the slot name the copies."""
    n, node, fields = 0, slot[NODES], book[at_.FIELDS * at_.NODES + at_.WIDTH]
    while node > 0:
        n += 1
        held, copy = row_of(book, at_.NODES, node), row_of(book, at_.NODES_READ, n)
        for i in range(fields):
            copy[i] = held[i]
        node = held[NEXT_NODE]
        copy[NEXT_NODE] = n + 1 if node > 0 else -1
    slot[NODES] = 1 if n > 0 else -1


@compiled
def answers_up_to(book: Cells, slot: Cells, key: int, t: int, nodes: int, tables: Tables) -> None:
    """Bring everything about answers up to ``t``; tops before sums, which move the head they share."""
    keys, streams = tables[0], tables[1]
    for s in range(of_key(keys, key, FROM), of_key(keys, key, TO)):
        if stream_of(streams, s)[KIND] == TOP:
            _advance_top(book, slot, key, s, t, nodes, tables)
    advance_answers(book, slot, key, t, tables)


@compiled
def hold(book: Cells, slot: Cells, s: int, value: int) -> None:
    """Note that one more answer of the slot carries a value; there must be room for one more node."""
    node = _node(book, slot, s, value, at_.NODES)
    if node == 0:
        none = cells(book, at_.NODES)
        node = none[FREE]
        if node > 0:
            none[FREE] = row_of(book, at_.NODES, node)[NEXT_NODE]
        else:
            none[USED] += 1
            node = none[USED]
        fresh = row_of(book, at_.NODES, node)
        for i in range(book[at_.FIELDS * at_.NODES + at_.WIDTH]):
            fresh[i] = 0
        fresh[VALUE], fresh[STREAM], fresh[NEXT_NODE] = value, s, slot[NODES]
        slot[NODES] = node
    row_of(book, at_.NODES, node)[REFERENCES] += 1


@compiled
def release(book: Cells, slot: Cells, s: int, value: int) -> None:
    """Note that one answer less carries a value; a value that none carries is forgotten."""
    before, node = -1, slot[NODES]
    while node >= 0:
        held = row_of(book, at_.NODES, node)
        if held[STREAM] == s and held[VALUE] == value:
            break
        before, node = node, held[NEXT_NODE]
    if node < 0:
        return
    held = row_of(book, at_.NODES, node)
    held[REFERENCES] -= 1
    if held[REFERENCES] == 0:
        if before < 0:
            slot[NODES] = held[NEXT_NODE]
        else:
            row_of(book, at_.NODES, before)[NEXT_NODE] = held[NEXT_NODE]
        _free(book, node)


@compiled
def drop_nodes(book: Cells, slot: Cells) -> None:
    """Forget every value of a slot."""
    node = slot[NODES]
    while node >= 0:
        after = row_of(book, at_.NODES, node)[NEXT_NODE]
        _free(book, node)
        node = after
    slot[NODES] = -1


@compiled
def _free(book: Cells, node: int) -> None:
    none = cells(book, at_.NODES)
    row_of(book, at_.NODES, node)[NEXT_NODE] = none[FREE]
    none[FREE] = node
