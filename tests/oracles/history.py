"""History features the slow, obvious way: for every row, every feature, look at every earlier event.

Independent of the library's arithmetic: exact fractions, plain lists, no sorting, no windows kept.
"""

import itertools
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


class Seen:
    """What one entity's history holds at one moment, within one window."""

    def __init__(self, history, feature, card, t, token_key):
        self.history, self.feature, self.card, self.t, self.token_key = history, feature, card, t, token_key
        self.of = feature.of
        self.life = history.life(feature.key, card, t)
        if self.life is None:
            return
        self.edge = t - WIDTH[feature.window or "life"]
        self.cards = [c for c in self.life if c["t"] >= self.edge]
        answers = [a for c in self.life if (a := in_force(c, t)) is not None and a["t"] >= self.edge]
        self.decided = [a for a in answers if GRAVITY.get(a["status"], 0) >= 1]
        self.failures = [a for a in self.decided if GRAVITY[a["status"]] >= 2]


def share(part, whole):
    return Fraction(part, whole) if whole else None


def amounts(s):
    return [cents(c.get(s.of)) for c in s.cards if c.get(s.of) is not None]


def mean_number(s):
    numbers = [round(c[s.of] * 1_000_000) for c in s.cards if c.get(s.of) is not None]
    return share(sum(numbers), 1_000_000 * len(numbers))


def hits(s):
    return sum(a.get("cause") == s.of for a in s.failures)


def top_share(s):
    messages = [a[s.of] for a in s.failures if a.get(s.of) is not None]
    return share(max(map(messages.count, messages), default=0), len(messages))


def flag_share(s):
    flags = [f for c in s.cards if (f := flag_of(s.history, c, s.of, s.token_key)) is not None]
    return share(sum(flags), len(flags))


def price_vs_usual(s):
    ask, face, usual = cents(s.card.get("asking_price")), cents(s.card.get("face_value")), price_level(s.cards)
    return Fraction(ask, face) / usual if ask and face and usual else None


def pace(s):
    long = [c for c in s.life if c["t"] >= s.t - WIDTH["30d"]]
    return Fraction(len(s.cards) * WIDTH["30d"], WIDTH[s.feature.window] * len(long)) if long else None


def surprise(s):
    """-log10 P(sum of n geometric(1/2) numbers >= bits), by adding up the distribution itself."""
    bits = [int(c[s.of]) for c in s.cards if c.get(s.of) is not None]
    if not bits:
        return None
    below = sum(Fraction(math.comb(k + len(bits) - 1, k), 2 ** (k + len(bits))) for k in range(sum(bits)))
    return -math.log10(1 - below)


STATISTICS = {
    "count": lambda s: len(s.cards),
    "sum": lambda s: Fraction(sum(amounts(s)), 100),
    "mean": lambda s: share(sum(amounts(s)), 100 * len(amounts(s))),
    "number_mean": mean_number,
    "distinct": lambda s: len({c[s.of] for c in s.cards if c.get(s.of) is not None}),
    "known": lambda s: len(s.decided),
    "failed": lambda s: len(s.failures),
    "cause": hits,
    "cause_share": lambda s: share(hits(s), len(s.decided)),
    "top_share": top_share,
    "unanswered": lambda s: len(s.cards) - len(s.decided),
    "since_last": lambda s: Fraction(s.t - s.life[-1]["t"], HOUR) if s.life else None,
    "since_first": lambda s: Fraction(s.t - s.life[0]["t"], DAY) if s.life else None,
    "regularity": lambda s: regularity(s.life, s.edge),
    "flag_share": flag_share,
    "price_level": lambda s: price_level(s.cards),
    "price_vs_usual": price_vs_usual,
    "pace": pace,
    "surprise": surprise,
    "failure_share": lambda s: shrunk(s.history, s.card, s.t, s.failures, s.decided),
}


def feature_value(history, feature, card, t, token_key):
    """One feature of one card at one moment, as a Fraction, a float, or None."""
    seen = Seen(history, feature, card, t, token_key)
    return None if seen.life is None else STATISTICS[feature.statistic](seen)


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
    for before, card in itertools.pairwise(life):
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


def shrunk(history, card, t, failures, decided):
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
