"""History features the slow, obvious way: for every row, every feature, look at every earlier event.

Independent of the library's arithmetic: exact fractions, plain lists, no sorting, no windows kept.
"""

import math
from fractions import Fraction

import pandas as pd

HOUR = 3_600_000_000
DAY = 24 * HOUR
WIDTH = {"1h": HOUR, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "life": 10**19}
GRAVITY = {"unknown": 0, "success": 1, "partial": 2, "failed": 3}
HORIZON = 90 * DAY


def micros(value):
    return None if value is None or pd.isna(value) else int(pd.Timestamp(value).value // 1000)


def plain(value):
    return None if value is None or (not isinstance(value, str) and pd.isna(value)) else value


def records(frame):
    return [{k: plain(v) for k, v in row.items()} for row in frame.to_dict("records")]


class History:
    """All events, with their moments, and nothing else."""

    def __init__(self, submissions, outcomes):
        self.cards, seen = [], {}
        for row in submissions:
            row = dict(row)
            received = micros(row.get("received_at"))
            row["t"] = micros(row["submitted_at"]) if received is None else received
            row["answers"] = []
            if row["submission_id"] not in seen:
                seen[row["submission_id"]] = row
                self.cards.append(row)
        for row in outcomes:
            card = seen.get(row["submission_id"])
            if card is None:
                continue
            said = micros(row["answered_at"])
            moment = max(said, card["t"])
            if moment <= card["t"] + HORIZON:
                card["answers"].append({**row, "said": said, "t": moment})

    def life(self, key, card, t):
        """Cards of the same entity known before t, back to the last silence."""
        name = tuple(card.get(c) for c in key.columns)
        if any(part is None and c not in key.lenient for part, c in zip(name, key.columns, strict=True)):
            return None
        same = [c for c in self.cards if tuple(c.get(k) for k in key.columns) == name and c["t"] < t]
        same.sort(key=lambda c: c["t"])
        last, out = t, []
        for c in reversed(same):
            if last - c["t"] > key.silence:
                break
            out.append(c)
            last = c["t"]
        return out[::-1]


def in_force(card, t):
    known = [a for a in card["answers"] if a["t"] < t]
    return max(known, key=lambda a: (a["t"], a["said"], GRAVITY.get(a["status"], 0)), default=None)


def cents(value):
    return None if value is None else round(Fraction(str(value)) * 100)


def mismatch(card):
    a, b = card.get("region_issued"), card.get("region_of_use")
    return None if a is None or b is None else int(a != b)


def flag_of(history, card, name, token_key):
    if name == "region_mismatch":
        return mismatch(card)
    if name == "resubmitted":
        before = history.life(token_key, card, card["t"])
        return None if before is None else int(bool(before))
    value = card.get(name)
    return None if value is None else int(bool(value))


def feature_value(history, feature, card, t, token_key):
    """One feature of one card at one moment, as a Fraction, a float, or None."""
    s, of = feature.statistic, feature.of
    if feature.key is None:
        return None
    life = history.life(feature.key, card, t)
    if life is None:
        return None
    edge = t - WIDTH[feature.window or "life"]
    seen = [c for c in life if c["t"] >= edge]
    answers = [(c, a) for c in life if (a := in_force(c, t)) is not None and a["t"] >= edge]
    decided = [(c, a) for c, a in answers if GRAVITY.get(a["status"], 0) >= 1]
    failures = [(c, a) for c, a in decided if GRAVITY[a["status"]] >= 2]
    if s == "count":
        return Fraction(len(seen))
    if s in ("sum", "mean"):
        amounts = [cents(c.get(of)) for c in seen if c.get(of) is not None]
        if s == "sum":
            return Fraction(sum(amounts), 100)
        return Fraction(sum(amounts), 100 * len(amounts)) if amounts else None
    if s == "distinct":
        return Fraction(len({c[of] for c in seen if c.get(of) is not None}))
    if s == "known":
        return Fraction(len(decided))
    if s == "failed":
        return Fraction(len(failures))
    if s in ("cause", "cause_share"):
        hits = sum(a.get("cause") == of for _, a in failures)
        if s == "cause":
            return Fraction(hits)
        return Fraction(hits, len(decided)) if decided else None
    if s == "top_share":
        messages = [a[of] for _, a in failures if a.get(of) is not None]
        return Fraction(max(map(messages.count, messages)), len(messages)) if messages else None
    if s == "unanswered":
        return Fraction(len(seen) - len(decided))
    if s == "since_last":
        return Fraction(t - life[-1]["t"], HOUR) if life else None
    if s == "since_first":
        return Fraction(t - life[0]["t"], DAY) if life else None
    if s == "regularity":
        return regularity(life, edge)
    if s == "flag_share":
        flags = [f for c in seen if (f := flag_of(history, c, of, token_key)) is not None]
        return Fraction(sum(flags), len(flags)) if flags else None
    if s == "price_level":
        return price_level(seen)
    if s == "price_vs_usual":
        ask, face, usual = cents(card.get("asking_price")), cents(card.get("face_value")), price_level(seen)
        if not ask or not face or not usual:
            return None
        return Fraction(ask, face) / usual
    if s == "pace":
        long = [c for c in life if c["t"] >= t - WIDTH["30d"]]
        scale = Fraction(WIDTH["30d"], WIDTH[feature.window])
        return Fraction(len(seen)) * scale / len(long) if long else None
    if s == "surprise":
        return None if not any(c.get(of) is not None for c in seen) else NotImplemented
    if s == "failure_share":
        return shrunk(history, feature, card, t, failures, decided)
    raise AssertionError(f"the oracle does not know {s!r}")


def price_level(cards):
    priced = [
        (cents(c.get("asking_price")), cents(c.get("face_value")))
        for c in cards
        if c.get("asking_price") is not None and c.get("face_value")
    ]
    face = sum(f for _, f in priced)
    return Fraction(sum(a for a, _ in priced), face) if face > 0 else None


def regularity(life, edge):
    gaps = []
    for before, card in zip(life, life[1:], strict=False):
        gap = card["t"] - before["t"]
        if card["t"] >= edge and gap <= DAY:
            gaps.append(gap // 1000)
    if len(gaps) < 2:
        return None
    mean = Fraction(sum(gaps), len(gaps))
    if mean == 0:
        return Fraction(0)
    variance = Fraction(sum(g * g for g in gaps), len(gaps)) - mean * mean
    return math.sqrt(variance) / mean


def shrunk(history, feature, card, t, failures, decided):
    def thirty(columns):
        class Pool:
            silence = HORIZON
            lenient = ()

        Pool.columns = columns
        life = history.life(Pool, card, t)
        if life is None:
            return None
        known = [a for c in life if (a := in_force(c, t)) and a["t"] >= t - WIDTH["30d"]]
        known = [a for a in known if GRAVITY.get(a["status"], 0) >= 1]
        return sum(GRAVITY[a["status"]] >= 2 for a in known), len(known)

    a, n = thirty(())
    if n == 0:
        return None
    prior = Fraction(a, n)
    kind = thirty(("card_kind",))
    if kind is not None:
        prior = (kind[0] + 10 * prior) / (kind[1] + 10)
    return (len(failures) + 10 * prior) / (len(decided) + 10)
