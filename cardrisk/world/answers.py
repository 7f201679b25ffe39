"""What the gateway, people and disputes answer, and when.

Correct when the final answer tells failed exactly for the cards that fail (where any answer comes and says
anything), every revision comes after what it revises, and what a gateway says depends on the true cause through the
messages of :data:`MESSAGES` alone.
"""

from dataclasses import dataclass, fields, replace
from statistics import NormalDist
from typing import Final

import numpy as np

from cardrisk import facts
from cardrisk.world.cards import Cards, Group
from cardrisk.world.fate import OK, Fate
from cardrisk.world.ground import DAY, MICRO, Ground
from cardrisk.world.hashing import Array, pick
from cardrisk.world.rates import PRECEDENCE

MESSAGES: Final[tuple[tuple[str, str, str | None], ...]] = (
    ("0000", "充值成功", "ok"),
    ("0001", "处理中，结果未知", None),
    ("1001", "卡号或密码格式错误", "bad_format"),
    ("1002", "密码错误或余额不足", "mistyped"),
    ("1003", "卡不存在", "forged"),
    ("1004", "卡已被使用", "already_used"),
    ("1005", "卡已过期", "expired"),
    ("1006", "卡未激活", "not_activated"),
    ("1007", "卡已绑定其他账户", "bound_to_account"),
    ("1008", "余额不足", "insufficient_balance"),
    ("1009", "面值不符", "wrong_face_value"),
    ("1010", "该卡不支持当前地区", "region_mismatch"),
    ("1011", "操作过于频繁，请稍后再试", "rate_limited"),
    ("1012", "批次无效", "batch_invalid"),
    ("1013", "系统繁忙", "issuer_busy"),
    ("1014", "无效卡", "forged"),
    ("1099", "充值失败", None),
    ("2001", "争议：交易撤销", None),
    ("3001", "人工核实", None),
)
"""Gateway code, message, and the cause a platform maps the message to; ``None`` where it maps to none."""

SUCCESS, UNKNOWN_MESSAGE, GENERIC, DISPUTE, MANUAL = 0, 1, 16, 17, 18

USED_MESSAGE: Final = 5
"""The message that forged cards mostly get (C13)."""

SAYS: Final[dict[str, dict[int, float]]] = {
    "forged": {5: 0.62, 3: 0.16, 4: 0.10, 15: 0.07, 16: 0.05},
    "mistyped": {3: 0.78, 15: 0.12, 4: 0.05, 16: 0.05},
    "batch_invalid": {13: 0.75, 15: 0.15, 16: 0.10},
    "not_activated": {7: 0.75, 15: 0.15, 16: 0.10},
    "expired": {6: 0.82, 15: 0.10, 16: 0.08},
    "region_mismatch": {11: 0.80, 15: 0.12, 16: 0.08},
    "already_used": {5: 0.85, 3: 0.08, 16: 0.07},
    "bound_to_account": {8: 0.80, 5: 0.12, 16: 0.08},
    "insufficient_balance": {9: 0.60, 3: 0.32, 16: 0.08},
    "wrong_face_value": {10: 0.85, 16: 0.15},
    "rate_limited": {12: 0.35, 15: 0.50, 3: 0.15},
    "issuer_busy": {14: 0.85, 16: 0.15},
}
BROKEN_SAYS: Final = {2: 0.75, 3: 0.20, 16: 0.05}

RESOLVED: Final = 0.85
"""Share of unknown answers that people resolve."""
NEVER: Final = 0.004
VERY_SLOW: Final = 0.0035
"""Shares of cards that are never answered, and answered after days; together in ANSWER_NEVER's band."""
SLOW: Final = (2.0, 10.0)
"""Days within which the slowest answers come, log-uniform."""
REFUSED, CONSUMED, SETTLED = range(3)
"""What happens to a card of wrong face value, equally often: refused unused, consumed at the declared value,
settled at the real one."""

SUCCEEDED, PARTIAL, FAILED, UNKNOWN = (facts.STATUSES.index(s) for s in ("success", "partial", "failed", "unknown"))
GATEWAY, DISPUTED, BY_HAND = (facts.LABEL_SOURCES.index(s) for s in ("gateway", "dispute", "manual"))
SAID: Final[tuple[str, ...]] = (facts.OK, *facts.CAUSES)
"""Values of an outcome's cause, by index."""

_ANSWERS = 800
_MAPPED: Final = np.array([SAID.index(cause) if cause else -1 for _, _, cause in MESSAGES])
_TRUE: Final = np.array([SAID.index(cause) for cause in (*PRECEDENCE, facts.OK)])


@dataclass
class Answers:
    """Answers as parallel arrays, in no order.

    Attributes
    ----------
    card
        Row of the card.
    at
        Microseconds since 1970 at which the answer was known.
    status
        Index into :data:`cardrisk.facts.STATUSES`.
    cause
        Index into ``SAID``, -1 where the message maps to no cause.
    message
        Index into ``MESSAGES``; it also tells who answered.
    settled
        Yuan paid out by the issuer; NaN where not known.
    """

    card: Array
    at: Array
    status: Array
    cause: Array
    message: Array
    settled: Array


def answer(ground: Ground, group: Group, fate: Fate) -> Answers:
    """Return every answer to a group's cards, also those that come weeks later."""
    cards, rng = group.cards, group.rng(ground, _ANSWERS)
    count = len(cards)
    known = np.where(cards.received_shown, cards.received, cards.moment)
    one_message = np.array([item.one_message for item in ground.incidents] + [False])[cards.incident]
    status, settled = _true_outcome(cards, fate, rng)
    at = known + (_delays(count, rng) * MICRO).astype(np.int64)
    disputes = np.array([facts.DISPUTED_CAUSES.value.get(cause, 0.0) for cause in (*PRECEDENCE, facts.OK)])
    disputed = (rng.random(count) < disputes[fate.cause]) & (status == FAILED)
    unknown = (rng.random(count) < facts.ANSWER_UNKNOWN.value) & ~disputed
    message = _messages(cards, fate, one_message, rng)
    lost = rng.random(count) < facts.CAUSE_LOST.value
    said = np.where(lost & (message != SUCCESS), -1, _MAPPED[message])
    first = Answers(
        card=np.arange(count),
        at=at,
        status=np.select([disputed, unknown], [SUCCEEDED, UNKNOWN], status),
        cause=np.select([disputed, unknown], [0, -1], said),
        message=np.select([disputed, unknown], [SUCCESS, UNKNOWN_MESSAGE], message),
        settled=np.select([disputed, unknown], [cards.declared, np.nan], settled),
    )
    asked = unknown & (rng.random(count) < RESOLVED)
    later = [
        _later(disputed, DISPUTE, *facts.DISPUTE_DELAY.value, at, status, settled, fate, rng),
        _later(asked, MANUAL, *facts.MANUAL_DELAY.value, at, status, settled, fate, rng),
    ]
    reached = ~fate.stopped & (rng.random(count) >= NEVER)
    return _reached([first, *later], reached)


def _true_outcome(cards: Cards, fate: Fate, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return final status and yuan settled: part-spent and wrongly declared cards pay something, some of them."""
    status = np.where(fate.cause == OK, SUCCEEDED, FAILED)
    settled = np.where(fate.cause == OK, cards.face, 0.0)
    draws = rng.random((len(cards), 2))
    spent = (fate.cause == PRECEDENCE.index("insufficient_balance")) & (draws[:, 0] < 0.6)
    wrong = fate.cause == PRECEDENCE.index("wrong_face_value")
    way = np.where(wrong, np.floor(draws[:, 0] * 3), -1)
    status = np.where(spent | (wrong & (way != REFUSED)), PARTIAL, status)
    settled = np.where(spent, np.round(cards.face * (0.05 + 0.85 * draws[:, 1]), 2), settled)
    consumed = np.minimum(cards.declared, cards.face)
    return status, np.select([way == CONSUMED, way == SETTLED], [consumed, cards.face], settled)


def _delays(count: int, rng: np.random.Generator) -> Array:
    """Return seconds until the gateway answers: log-normal, and a few that take days."""
    median = facts.ANSWER_DELAY_MEDIAN.value
    slow_after, slow_share = facts.ANSWER_DELAY_SLOW.value
    sigma = np.log(slow_after / median) / _normal_quantile(1.0 - slow_share)
    usual = np.maximum(median * np.exp(sigma * rng.standard_normal(count)), facts.ANSWER_FASTER_THAN_HUMAN.value)
    slowest = SLOW[0] * (SLOW[1] / SLOW[0]) ** rng.random(count) * DAY
    return np.where(rng.random(count) < VERY_SLOW, slowest, usual)


def _normal_quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)


def _messages(cards: Cards, fate: Fate, one_message: Array, rng: np.random.Generator) -> Array:
    """Return what the gateway says about each card."""
    draws, out = rng.random(len(cards)), np.full(len(cards), SUCCESS)
    for index, cause in enumerate(PRECEDENCE):
        rows = np.flatnonzero(fate.cause == index)
        says = np.array(list(SAYS[cause]))
        out[rows] = says[pick(np.array(list(SAYS[cause].values())), draws[rows])]
    broken = np.flatnonzero((fate.cause == PRECEDENCE.index("mistyped")) & cards.broken)
    out[broken] = np.array(list(BROKEN_SAYS))[pick(np.array(list(BROKEN_SAYS.values())), draws[broken])]
    return np.where(one_message & (fate.cause == PRECEDENCE.index("forged")), USED_MESSAGE, out)


def _later(
    rows: Array,
    message: int,
    soonest: float,
    latest: float,
    at: Array,
    status: Array,
    settled: Array,
    fate: Fate,
    rng: np.random.Generator,
) -> Answers:
    """Return revisions of ``rows``, log-uniform between ``soonest`` and ``latest`` seconds after the first answer."""
    where = np.flatnonzero(rows)
    wait = soonest * (latest / soonest) ** rng.random(len(where))
    return Answers(
        card=where,
        at=at[where] + (wait * MICRO).astype(np.int64),
        status=status[where],
        cause=_TRUE[fate.cause[where]],
        message=np.full(len(where), message),
        settled=settled[where],
    )


def _of(parts: list[Answers]) -> Answers:
    return Answers(
        **{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Answers)}
    )


def _reached(parts: list[Answers], reached: Array) -> Answers:
    joined = _of(parts)
    kept = reached[joined.card]
    return Answers(**{item.name: getattr(joined, item.name)[kept] for item in fields(Answers)})


def join(parts: list[Answers], counts: list[int]) -> Answers:
    """Return one table of answers out of several groups', each of so many cards."""
    starts = np.cumsum([0, *counts])
    moved = [replace(part, card=part.card + start) for part, start in zip(parts, starts, strict=False)]
    return _of(moved)


def source_of(message: Array) -> Array:
    """Return who answered, as an index into :data:`cardrisk.facts.LABEL_SOURCES`."""
    return np.select([message == DISPUTE, message == MANUAL], [DISPUTED, BY_HAND], GATEWAY)
