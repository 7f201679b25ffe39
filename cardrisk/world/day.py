"""One day of a world, as tables.

Correct when a day's tables depend on the ground and the day's number alone: whichever days are asked, in whatever
order, by whichever worker, the bytes are the same.
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cardrisk import facts
from cardrisk.tables.instants import DAY_US, EARLIEST_US
from cardrisk.world import answers, batches, codetext, columns, fate, spoiling
from cardrisk.world.batches import Batches
from cardrisk.world.cards import NOT_SHOWN, Group, expand, join
from cardrisk.world.codetext import Texts
from cardrisk.world.ground import DAY, MICRO, Ground
from cardrisk.world.hashing import Array
from cardrisk.world.rates import CHANNEL_NAMES, PRECEDENCE

CONCERNS_A_GROUP: Final = 10_000
_IDS_A_DAY: Final = 10**10
_IDS_AGAIN: Final = 5 * 10**9
_SPOIL: Final = 900
_FIRST_DAY: Final = EARLIEST_US // DAY_US
_SAID: Final = (*PRECEDENCE, facts.OK)


@dataclass(frozen=True)
class DayTables:
    """A day's Arrow tables; text columns are dictionary-encoded where they repeat.

    Attributes
    ----------
    submissions, truth
        Row by row the same cards, in order of ``submitted_at``.
    outcomes
        Every answer to them, in order of ``answered_at``.
    stopped
        What each platform's screening stopped: a submission's columns and the true ``cause``.
    """

    submissions: pa.Table
    outcomes: pa.Table
    truth: pa.Table
    stopped: pa.Table


def groups(ground: Ground, day: int) -> list[Group]:
    """Return the day's usual stream and, after it, each incident's own cards."""
    out = [expand(ground, day, 0, batches.plan(ground, day))]
    for index, incident in enumerate(ground.incidents):
        now = incident.occurrence(day)
        if incident.floods and now is not None:
            own = incident.plan(ground, day, (index, *now))
            out.append(expand(ground, day, CONCERNS_A_GROUP * (index + 1), own))
    return out


def make(ground: Ground, day: int) -> DayTables:
    """Return the tables of ``day``, counted from the world's start."""
    parts = [fate.activate(ground, group) for group in groups(ground, day)]
    counts = [len(group.cards) for group, _, _ in parts]
    answered = answers.join([answers.answer(ground, group, became) for group, became, _ in parts], counts)
    starts = np.cumsum([0, *counts])
    first = np.concatenate([row + start for (_, _, row), start in zip(parts, starts, strict=False)])
    became = fate.join([part for _, part, _ in parts])
    group = join([part for part, _, _ in parts])
    number, secret = _codes(ground, group, first)
    names = group.cards.number + _IDS_AGAIN * group.cards.again + day * _IDS_A_DAY
    order = np.lexsort((names, group.cards.moment))
    passed, stopped = order[~became.stopped[order]], order[became.stopped[order]]
    ids = columns.names("S", names, 15)
    halted = _submissions(ground, group, stopped, ids, number, secret)
    cause = columns.chosen(_SAID, became.cause[stopped] % len(_SAID))
    return DayTables(
        submissions=_submissions(ground, group, passed, ids, number, secret),
        outcomes=_outcomes(ids, answered),
        truth=_truth(ground, ids, group, became, passed),
        stopped=halted.append_column("cause", cause),
    )


def _codes(ground: Ground, group: Group, first: Array) -> tuple[Texts, Texts]:
    """Return numbers and secrets as they come in, spoilt where the card is; a second attempt brings the same."""
    sizes = codetext.lengths(ground, group)
    made = (codetext.numbers(ground, group, sizes[0]), codetext.secrets(ground, group, sizes[1]))
    digits = spoiling.digits_only(ground, group.cards.kind)
    valid = (ground.kinds.number_lengths, ground.kinds.secret_lengths)
    spoilt = (group.cards.error != spoiling.NONE) & ~group.cards.again
    for index, text in enumerate(made):
        rows = np.flatnonzero(spoilt & (group.cards.in_secret == bool(index)))
        part = Texts(text.characters[rows], text.lengths[rows])
        rng = ground.rng(_SPOIL + index, group.day)
        spoiling.spoil(part, group.cards.error[rows], digits[index][rows], valid[index], group.cards.kind[rows], rng)
        text.characters[rows], text.lengths[rows] = part.characters, part.lengths
        again = np.flatnonzero(group.cards.again)
        text.characters[again], text.lengths[again] = text.characters[first[again]], text.lengths[first[again]]
    return made


def _submissions(ground: Ground, group: Group, rows: Array, ids: pa.Array, number: Texts, secret: Texts) -> pa.Table:
    """Return the submissions at ``rows``, in the public table's order of columns."""
    cards = group.cards.take(rows)
    of_batch = _batch_columns(ground, group)
    index = pa.array(cards.batch.astype(np.int32))
    limited = ground.kinds.provincial[cards.kind] & cards.region_shown
    valid = cards.valid_until != NOT_SHOWN
    asked = group.batches.shown["asking_price"][cards.batch]
    own = {
        "submission_id": ids.take(pa.array(rows)),
        "submitted_at": columns.times(cards.moment),
        "received_at": columns.times(cards.received, cards.received_shown),
        "photo_quality": columns.numbers(cards.quality),
        "card_no": columns.texts(number.take(rows)),
        "card_secret": columns.texts(secret.take(rows)),
        "face_value": columns.numbers(cards.declared),
        "asking_price": columns.numbers(cards.asking, asked),
        "region_issued": columns.chosen(facts.REGIONS, np.where(limited, cards.region, -1)),
        "region_of_use": columns.chosen(facts.REGIONS, cards.region_of_use),
        "valid_until": columns.times(np.where(valid, cards.valid_until, 0) * DAY * MICRO, valid),
        "account_bound": columns.flags(cards.bound == 1, cards.bound >= 0),
        "is_synthetic": columns.flags(np.ones(len(cards), dtype=bool)),
    }
    spread = {name: columns.spread(column, index) for name, column in of_batch.items()}
    return pa.table({name: own[name] if name in own else spread[name] for name in COLUMNS})


COLUMNS: Final[tuple[str, ...]] = (
    "submission_id",
    "submitted_at",
    "received_at",
    "channel",
    "card_kind",
    "batch_id",
    "submitter_id",
    "submitter_registered_at",
    "submitter_credit_score",
    "supplier_id",
    "dealer_id",
    "store_id",
    "client_ip",
    "device_id",
    "entry_method",
    "medium",
    "photo_quality",
    "card_no",
    "card_secret",
    "face_value",
    "asking_price",
    "region_issued",
    "region_of_use",
    "valid_until",
    "account_bound",
    "is_synthetic",
)
"""Columns of submissions, in order."""


def _batch_columns(ground: Ground, group: Group) -> dict[str, pa.Array]:
    """Return the columns that all cards of a batch share, one entry per batch."""
    table: Batches = group.batches
    shown = table.shown
    # drawn ages have a long tail; the tables hold no time before their first, and no platform is older
    opened = np.maximum(int(ground.start.astype(np.int64)) + table.opened, _FIRST_DAY)
    batch_number = group.day * 10**7 + np.arange(len(table))
    supplier = table.channel * 100_000 + table.supplier
    device = (table.device.view(np.uint64) % np.uint64(10**14)).view(np.int64)
    who = (table.who.view(np.uint64) % np.uint64(10**14)).view(np.int64)
    held, at_dealer, in_store = table.supplier >= 0, table.dealer >= 0, table.store >= 0
    return {
        "channel": columns.coded(CHANNEL_NAMES, table.channel),
        "card_kind": columns.coded(ground.kinds.names, table.kind),
        "batch_id": columns.names("B", batch_number, 12, shown["batch_id"]),
        "submitter_id": columns.names("U", who, 14),
        "submitter_registered_at": columns.times(opened * DAY * MICRO, shown["submitter_registered_at"]),
        "submitter_credit_score": columns.numbers(table.credit, shown["submitter_credit_score"]),
        "supplier_id": columns.names("P", np.where(held, supplier, 0), 6, shown["supplier_id"] & held),
        "dealer_id": columns.names("D", np.where(at_dealer, table.dealer, 0), 5, at_dealer),
        "store_id": columns.names("T", np.where(in_store, table.store, 0), 6, in_store),
        "client_ip": _addresses(table.ip, shown["client_ip"]),
        "device_id": columns.names("V", device, 14, shown["device_id"]),
        "entry_method": columns.coded(facts.ENTRY_METHODS, np.where(shown["entry_method"], table.entry, -1)),
        "medium": columns.coded(facts.MEDIA, np.where(shown["medium"], 1 - table.physical.astype(int), -1)),
    }


def _addresses(ip: Array, shown: Array) -> pa.Array:
    """Return private addresses: 10.x for people and carriers, 172.16-31.x for shops."""
    octets = pa.array([str(n) for n in range(256)])
    shop = ip >= 2**24
    rest = np.where(shop, ip - 2**24, ip)
    heads = [np.where(shop, 172, 10), np.where(shop, 16 + (rest >> 16) % 16, rest >> 16)]
    parts = [*heads, (rest >> 8) & 255, rest & 255]
    text = pc.binary_join_element_wise(*[octets.take(pa.array(part)) for part in parts], ".")
    return pc.if_else(pa.array(shown), text, pa.scalar(None, pa.string()))


def _truth(ground: Ground, ids: pa.Array, group: Group, became: fate.Fate, rows: Array) -> pa.Table:
    """Return true causes and the ceiling's joint chances, rounded to a billionth."""
    became = became.take(rows)
    chances = np.round(became.chances, 9)
    labels = [f"{item.NAME}-{index}" for index, item in enumerate(ground.incidents)]
    data = {
        "submission_id": ids.take(pa.array(rows)),
        "cause": columns.chosen(_SAID, became.cause % len(_SAID)),
        "incident": columns.chosen(labels, group.cards.incident[rows]),
        "p_fail": columns.numbers(np.minimum(np.round(chances.sum(axis=0), 9), 1.0)),
    }
    nothing = np.zeros(len(rows))
    for cause in facts.CAUSES:
        values = chances[PRECEDENCE.index(cause)] if cause in PRECEDENCE else nothing
        data[f"p_{cause}"] = columns.numbers(values)
    return pa.table(data)


def _outcomes(ids: pa.Array, answered: answers.Answers) -> pa.Table:
    order = np.lexsort((answered.card, answered.at))
    answered = answers.Answers(**{item.name: getattr(answered, item.name)[order] for item in fields(answered)})
    codes = [code for code, _, _ in answers.MESSAGES]
    words = [text for _, text, _ in answers.MESSAGES]
    return pa.table(
        {
            "submission_id": ids.take(pa.array(answered.card)),
            "answered_at": columns.times(answered.at),
            "status": columns.chosen(facts.STATUSES, answered.status),
            "cause": columns.chosen(answers.SAID, answered.cause),
            "gateway_code": columns.chosen(codes, answered.message),
            "gateway_message": columns.chosen(words, answered.message),
            "settled_value": columns.numbers(answered.settled),
            "label_source": columns.chosen(facts.LABEL_SOURCES, answers.source_of(answered.message)),
        }
    )
