"""How often the commonest value stands among an entity's failures, one event at a time.

Each value that an entity's answers carry has a node with its count per window; nodes of one entity form a chain.
"""

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I64, NEVER
from cardrisk.features.live.kernel import Tables, advance_answers
from cardrisk.features.live.layout import (
    AFTER,
    ANSWER_CODES,
    ANSWER_HEAD,
    ANSWER_HEADER,
    BEFORE,
    CHANNEL,
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
def _advance_top(m: I64, at: int, key: int, s: int, t: int, answers: I64, nodes: I64, tables: Tables) -> None:
    """Bring the counts of one top stream's values up to ``t``."""
    _, streams, spans, _, sizes, _ = tables
    wide, tails = streams[s, WIDTHS], at + streams[s, STATE]
    mask = answers.shape[0] - 1
    to_next, to_value = ANSWER_HEADER + key, sizes[ANSWER_CODES] + streams[s, CHANNEL]
    head = m[at + ANSWER_HEAD]
    while head >= 0 and answers[head & mask, TIME] < t:
        row = answers[head & mask]
        old = row[BEFORE]
        new = _node(m, at, s, row[to_value], nodes)
        gone = _node(m, at, s, answers[old & mask, to_value], nodes) if old >= 0 else 0
        for w in range(wide):
            tail = m[tails + w]
            if new > 0:
                nodes[new, NODE_HEADER + w] += 1
            if gone > 0 and 0 <= tail <= old:
                nodes[gone, NODE_HEADER + w] -= 1
            if tail < 0:
                m[tails + w], m[tails + wide + w] = head, row[TIME]
        head = row[to_next]
    for w in range(wide):
        span = spans[streams[s, SPAN] + w]
        if span == NEVER or m[tails + wide + w] >= t - span:
            continue
        k, moment = m[tails + w], m[tails + wide + w]
        while moment < t - span:
            row = answers[k & mask]
            gone = _node(m, at, s, row[to_value], nodes)
            if gone > 0 and (row[AFTER] < 0 or 0 <= head <= row[AFTER]):
                nodes[gone, NODE_HEADER + w] -= 1
            k = -1 if row[to_next] == head else row[to_next]
            moment = answers[k & mask, TIME] if k >= 0 else NEVER
        m[tails + w], m[tails + wide + w] = k, moment


@compiled
def _node(m: I64, at: int, s: int, value: int, nodes: I64) -> int:
    """Return the node of a value, 0 where there is none or the value is unknown."""
    if value < 0:
        return 0
    node = m[at + NODES]
    while node > 0 and not (nodes[node, STREAM] == s and nodes[node, VALUE] == value):
        node = nodes[node, NEXT_NODE]
    return int(max(node, 0))


@compiled
def top_of(m: I64, at: int, s: int, w: int, nodes: I64) -> int:
    """Return how often the commonest value stands in a window."""
    most, node = 0, m[at + NODES]
    while node > 0:
        if nodes[node, STREAM] == s:
            most = max(most, nodes[node, NODE_HEADER + w])
        node = nodes[node, NEXT_NODE]
    return most


@compiled
def copied(m: I64, at: int, nodes: I64) -> I64:
    """Return a copy of a slot's nodes that may be written to, and let the slot name the copies."""
    n, node = 1, m[at + NODES]
    while node > 0:
        n, node = n + 1, nodes[node, NEXT_NODE]
    held = np.empty((n, nodes.shape[1]), np.int64)
    n, node = 1, m[at + NODES]
    while node > 0:
        held[n] = nodes[node]
        n, node = n + 1, nodes[node, NEXT_NODE]
        held[n - 1, NEXT_NODE] = n
    if n > 1:
        held[n - 1, NEXT_NODE] = -1
        m[at + NODES] = 1
    return held


@compiled
def answers_up_to(m: I64, at: int, key: int, t: int, answers: I64, nodes: I64, tables: Tables) -> None:
    """Bring everything about answers up to ``t``; tops before sums, which move the head they share."""
    keys, streams, _, _, _, _ = tables
    for s in range(keys[key, FROM], keys[key, TO]):
        if streams[s, KIND] == TOP:
            _advance_top(m, at, key, s, t, answers, nodes, tables)
    advance_answers(m, at, key, t, answers, tables)


@compiled
def hold(m: I64, at: int, s: int, value: int, nodes: I64) -> None:
    """Note that one more answer of the slot carries a value; there must be room for one more node."""
    node = _node(m, at, s, value, nodes)
    if node == 0:
        node = nodes[0, FREE]
        if node > 0:
            nodes[0, FREE] = nodes[node, NEXT_NODE]
        else:
            nodes[0, USED] += 1
            node = nodes[0, USED]
        nodes[node] = 0
        nodes[node, VALUE], nodes[node, STREAM], nodes[node, NEXT_NODE] = value, s, m[at + NODES]
        m[at + NODES] = node
    nodes[node, REFERENCES] += 1


@compiled
def release(m: I64, at: int, s: int, value: int, nodes: I64) -> None:
    """Note that one answer less carries a value; a value that none carries is forgotten."""
    before, node = -1, m[at + NODES]
    while node >= 0 and not (nodes[node, STREAM] == s and nodes[node, VALUE] == value):
        before, node = node, nodes[node, NEXT_NODE]
    if node < 0:
        return
    nodes[node, REFERENCES] -= 1
    if nodes[node, REFERENCES] == 0:
        after = nodes[node, NEXT_NODE]
        if before < 0:
            m[at + NODES] = after
        else:
            nodes[before, NEXT_NODE] = after
        nodes[node, NEXT_NODE] = nodes[0, FREE]
        nodes[0, FREE] = node


@compiled
def drop_nodes(m: I64, at: int, nodes: I64) -> None:
    """Forget every value of a slot."""
    node = m[at + NODES]
    while node >= 0:
        after = nodes[node, NEXT_NODE]
        nodes[node, NEXT_NODE] = nodes[0, FREE]
        nodes[0, FREE] = node
        node = after
    m[at + NODES] = -1
