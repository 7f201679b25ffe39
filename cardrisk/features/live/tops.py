"""How often the commonest value stands among an entity's failures, one event at a time.

Each value that an entity's answers carry has a node with its count per window; nodes of one entity form a chain.
"""

import numpy as np

from cardrisk._compiled import compiled
from cardrisk.features.arrays import I64, NEVER
from cardrisk.features.live.kernel import Tables, advance_answers
from cardrisk.features.live.layout import (
    AFTER,
    ANSWER_HEAD,
    ANSWER_HEADER,
    BEFORE,
    CHANNEL,
    FREE,
    FROM,
    KIND,
    N_KEYS,
    NEXT_NODE,
    NODE_HEADER,
    NODES,
    RAW,
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
def advance_top(
    m: I64,
    at: int,
    key: int,
    s: int,
    t: int,
    answers: I64,
    nodes: I64,
    tables: Tables,
    raw: I64,
    commit: bool,
) -> None:
    """Bring the counts of one top stream's values up to ``t``; keep them, or write the highest into ``raw``."""
    _, streams, spans, _, sizes, _ = tables
    wide, tails = streams[s, WIDTHS], at + streams[s, STATE]
    counts, values, where = _held(m[at + NODES], s, wide, nodes)
    mask = answers.shape[0] - 1
    to_next = ANSWER_HEADER + key
    to_value = ANSWER_HEADER + 3 * sizes[N_KEYS] + streams[s, CHANNEL]
    head = m[at + ANSWER_HEAD]
    while head >= 0 and answers[head & mask, TIME] < t:
        row = answers[head & mask]
        old = row[BEFORE]
        new = _index(values, row[to_value])
        gone = _index(values, answers[old & mask, to_value]) if old >= 0 else -1
        for w in range(wide):
            tail = m[tails + w]
            if new >= 0:
                counts[new, w] += 1
            if gone >= 0 and 0 <= tail <= old:
                counts[gone, w] -= 1
            if tail < 0:
                m[tails + w] = head
        head = row[to_next]
    for w in range(wide):
        span = spans[streams[s, SPAN] + w]
        k = m[tails + w]
        while span != NEVER and k >= 0 and k != head and answers[k & mask, TIME] < t - span:
            row = answers[k & mask]
            gone = _index(values, row[to_value])
            if gone >= 0 and (row[AFTER] < 0 or 0 <= head <= row[AFTER]):
                counts[gone, w] -= 1
            k = row[to_next]
        m[tails + w] = -1 if k == head else k
        if not commit:
            raw[streams[s, RAW] + w] = counts[:, w].max() if values.size else 0
    if commit:
        for i in range(values.size):
            nodes[where[i], NODE_HEADER : NODE_HEADER + wide] = counts[i]


@compiled
def _held(node: int, s: int, wide: int, nodes: I64) -> tuple[I64, I64, I64]:
    """Copy one stream's nodes of a slot: counts, values and where they stand."""
    n, k = 0, node
    while k >= 0:
        n += nodes[k, STREAM] == s
        k = nodes[k, NEXT_NODE]
    counts, values, where = np.empty((n, wide), np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    i, k = 0, node
    while k >= 0:
        if nodes[k, STREAM] == s:
            counts[i] = nodes[k, NODE_HEADER : NODE_HEADER + wide]
            values[i] = nodes[k, VALUE]
            where[i] = k
            i += 1
        k = nodes[k, NEXT_NODE]
    return counts, values, where


@compiled
def _index(values: I64, value: int) -> int:
    """Return where a value stands, -1 where not or unknown."""
    if value >= 0:
        for i in range(values.size):
            if values[i] == value:
                return i
    return -1


@compiled
def answers_up_to(
    m: I64,
    at: int,
    key: int,
    t: int,
    answers: I64,
    nodes: I64,
    tables: Tables,
    raw: I64,
    commit: bool,
) -> None:
    """Bring everything about answers up to ``t``; tops before sums, which move the head they share."""
    keys, streams, _, _, _, _ = tables
    for s in range(keys[key, FROM], keys[key, TO]):
        if streams[s, KIND] == TOP:
            advance_top(m, at, key, s, t, answers, nodes, tables, raw, commit)
    advance_answers(m, at, key, t, answers, tables)


@compiled
def hold(m: I64, at: int, s: int, value: int, nodes: I64) -> None:
    """Note that one more answer of the slot carries a value; there must be room for one more node."""
    node = m[at + NODES]
    while node >= 0 and not (nodes[node, STREAM] == s and nodes[node, VALUE] == value):
        node = nodes[node, NEXT_NODE]
    if node < 0:
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
