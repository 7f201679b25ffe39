"""One day of a world, as tables.

Correct when a day's tables depend on the ground and the day's number alone: whichever days are asked, in whatever
order, by whichever worker, the bytes are the same.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cardrisk import facts
from cardrisk.kinds import FAMILIES
from cardrisk.world import answers, batches, codetext, columns, fate, spoiling
from cardrisk.world.cards import NOT_SHOWN, Cards, expand
from cardrisk.world.ground import DAY, MICRO, Ground
from cardrisk.world.hashing import Array
from cardrisk.world.rates import CHANNEL_NAMES, PRECEDENCE

_SHOW, _SPOIL, _PRICE, _RECEIVE = range(900, 904)
_IDS_A_DAY: Final = 10_000_000
_IDS_AGAIN: Final = 5_000_000


@dataclass(frozen=True)
class DayTables:
    """A day's Arrow tables: submissions and truth row by row, answers to them, and what screening stopped."""

    submissions: pa.Table
    outcomes: pa.Table
    truth: pa.Table
    stopped: pa.Table


def make(ground: Ground, day: int) -> DayTables:
    """Return the tables of ``day``, counted from the world's start."""
    plan = batches.plan(ground, day)
    cards, became, first = fate.activate(ground, expand(ground, day, plan))
    again = np.arange(len(cards)) != first
    number = cards.day * _IDS_A_DAY + first + _IDS_AGAIN * again
    ids = columns.names("S", number, 12)
    received, given = _received(ground, cards)
    known = np.where(given, received, cards.moment)
    one_message = np.zeros(len(cards), dtype=bool)
    answered = answers.answer(ground, cards, known, became, one_message)
    rows = pa.table({"submission_id": ids, **_submission_columns(ground, cards, first, received, given)})
    truth = _truth(ids, cards, became)
    order = np.lexsort((number, cards.moment))
    passed, stopped = order[~became.stopped[order]], order[became.stopped[order]]
    cause = columns.chosen((*PRECEDENCE, facts.OK), became.cause[stopped] % (len(PRECEDENCE) + 1))
    return DayTables(
        submissions=rows.take(passed),
        outcomes=_outcomes(ids, answered),
        truth=truth.take(passed),
        stopped=rows.take(stopped).append_column("cause", cause),
    )


def _received(ground: Ground, cards: Cards) -> tuple[Array, Array]:
    """Return when the platform knew each card, and whether it noted that: shops hand their lists in later."""
    rng, table = ground.rng(_RECEIVE, cards.day), cards.batches
    late = (table.store >= 0) & (rng.random(len(table)) < 0.5)
    wait = np.where(late, rng.uniform(60.0, 7_200.0, len(table)), 0.7 * np.exp(0.8 * rng.standard_normal(len(table))))
    given = rng.random(len(table)) < _shown_share("received_at")[table.channel]
    return cards.moment + (wait * MICRO).astype(np.int64)[cards.batch], given[cards.batch]


def _shown_share(column: str) -> Array:
    return np.array(facts.SHOWN.value[column])


def _submission_columns(
    ground: Ground, cards: Cards, first: Array, received: Array, given: Array
) -> dict[str, pa.Array]:
    """Return every column of a submission but its id, in the order of the public table."""
    table, rng = cards.batches, ground.rng(_SHOW, cards.day)
    shown = {name: rng.random(len(table)) < _shown_share(name)[table.channel] for name in facts.SHOWN.value}
    has_batch = (table.size > 1) | (rng.random(len(table)) < 0.3)
    one = cards.batch
    here = np.arange(len(table))
    batch_number = cards.day * _IDS_A_DAY + here
    number, secret = _codes(ground, cards, first)
    registered = (int(ground.start.astype(np.int64)) + table.opened) * DAY * MICRO
    limited = ground.kinds.provincial[cards.kind] & cards.region_shown
    valid = cards.valid_until != NOT_SHOWN

    def each(column: pa.Array, mask: Array | None = None) -> pa.Array:
        return columns.spread(column, one, None if mask is None else mask[one])

    return {
        "submitted_at": columns.times(cards.moment),
        "received_at": columns.times(received, given),
        "channel": columns.chosen(CHANNEL_NAMES, cards.channel),
        "card_kind": columns.chosen(ground.kinds.names, cards.kind),
        "batch_id": each(columns.names("B", batch_number, 12), has_batch),
        "submitter_id": each(columns.names("U", table.who.view(np.uint64) % np.uint64(10**14), 14)),
        "submitter_registered_at": each(columns.times(registered), shown["submitter_registered_at"]),
        "submitter_credit_score": each(columns.numbers(table.credit), shown["submitter_credit_score"]),
        "supplier_id": each(
            columns.names("P", np.maximum(table.channel * 100_000 + table.supplier, 0), 6),
            shown["supplier_id"] & (table.supplier >= 0),
        ),
        "dealer_id": each(columns.names("D", np.maximum(table.dealer, 0), 5), table.dealer >= 0),
        "store_id": each(columns.names("T", np.maximum(table.store, 0), 6), table.store >= 0),
        "client_ip": each(_addresses(table.ip), shown["client_ip"]),
        "device_id": each(columns.names("V", table.device.view(np.uint64) % np.uint64(10**14), 14), shown["device_id"]),
        "entry_method": each(columns.chosen(facts.ENTRY_METHODS, table.entry), shown["entry_method"]),
        "medium": each(columns.chosen(facts.MEDIA, 1 - table.physical.astype(np.int64)), shown["medium"]),
        "photo_quality": columns.numbers(cards.quality),
        "card_no": number,
        "card_secret": secret,
        "face_value": columns.numbers(cards.declared),
        "asking_price": columns.numbers(_prices(ground, cards, first), shown["asking_price"][one]),
        "region_issued": columns.chosen(facts.REGIONS, np.where(limited, cards.region, -1)),
        "region_of_use": columns.chosen(facts.REGIONS, cards.region_of_use),
        "valid_until": columns.times(np.where(valid, cards.valid_until, 0) * DAY * MICRO, valid),
        "account_bound": columns.flags(cards.bound == 1, cards.bound >= 0),
        "is_synthetic": columns.flags(np.ones(len(cards), dtype=bool)),
    }


def _codes(ground: Ground, cards: Cards, first: Array) -> tuple[pa.Array, pa.Array]:
    """Return numbers and secrets as they come in, spoilt where the card is; a second attempt brings the same."""
    count = len(np.unique(first))
    sizes = codetext.lengths(ground, cards)
    made = (codetext.numbers(ground, cards, sizes[0]), codetext.secrets(ground, cards, sizes[1]))
    digits = spoiling.digits_only(ground, cards.kind)
    tables = (ground.kinds.number_lengths, ground.kinds.secret_lengths)
    out = []
    for index, text in enumerate(made):
        mine = (cards.error[:count] != spoiling.NONE) & (cards.in_secret[:count] == bool(index))
        rows = np.flatnonzero(mine)
        part = codetext.Texts(text.characters[rows], text.lengths[rows])
        valid = [frozenset(tables[index][kind]) for kind in cards.kind[rows]]
        rng = ground.rng(_SPOIL + 10 * index, cards.day)
        spoiling.spoil(part, cards.error[rows], digits[index][rows], valid, rng)
        text.characters[rows], text.lengths[rows] = part.characters, part.lengths
        out.append(columns.texts(codetext.Texts(text.characters[first], text.lengths[first])))
    return out[0], out[1]


def _prices(ground: Ground, cards: Cards, first: Array) -> Array:
    """Return asking prices in yuan to the cent: the family's usual share of face value, and the batch's."""
    usual = np.array([facts.ASKING.value[family] for family in FAMILIES])[ground.kinds.family[cards.kind]]
    rng = ground.rng(_PRICE, cards.day)
    own = 0.01 * rng.standard_normal(int(first.max(initial=-1)) + 1)[first]
    share = np.clip(usual + cards.batches.price[cards.batch] + own, 0.3, 1.0)
    return np.asarray(np.round(cards.declared * share, 2))


def _addresses(ip: Array) -> pa.Array:
    """Return private addresses: 10.x for people and carriers, 172.16-31.x for shops."""
    octets = pa.array([str(n) for n in range(256)])
    shop = ip >= 2**24
    rest = np.where(shop, ip - 2**24, ip)
    parts = [
        np.where(shop, 172, 10),
        np.where(shop, 16 + (rest >> 16) % 16, rest >> 16),
        (rest >> 8) & 255,
        rest & 255,
    ]
    return pc.binary_join_element_wise(*[octets.take(pa.array(part)) for part in parts], ".")


def _truth(ids: pa.Array, cards: Cards, became: fate.Fate) -> pa.Table:
    """Return true causes and the ceiling's joint chances, rounded to a billionth so that their sum is exact."""
    chances = np.round(became.chances, 9)
    data = {
        "submission_id": ids,
        "cause": columns.chosen((*PRECEDENCE, facts.OK), became.cause % (len(PRECEDENCE) + 1)),
        "incident": columns.chosen((), cards.incident),
        "p_fail": columns.numbers(np.round(chances.sum(axis=1), 9)),
    }
    for cause in facts.CAUSES:
        where = PRECEDENCE.index(cause) if cause in PRECEDENCE else None
        values = np.zeros(len(cards)) if where is None else chances[:, where]
        data[f"p_{cause}"] = columns.numbers(np.ascontiguousarray(values))
    return pa.table(data)


def _outcomes(ids: pa.Array, answered: answers.Answers) -> pa.Table:
    codes = [code for code, _, _ in answers.MESSAGES]
    words = [text for _, text, _ in answers.MESSAGES]
    table = pa.table(
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
    return table.take(pa.array(np.lexsort((answered.card, answered.at))))
