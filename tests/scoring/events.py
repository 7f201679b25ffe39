"""Tables of a world as events, handed over in the order in which they became known."""

from itertools import groupby

import pandas as pd


def moments(cards):
    return cards["received_at"].fillna(cards["submitted_at"])


def plain(row):
    return {name: value for name, value in row.items() if value is not None and value == value}


def play(scorer, early, cards, outcomes):
    """Backfill ``early``, then hand over cards and answers in order; returns scores in the order of ``cards``."""
    begin, end = moments(early).max(), moments(cards).max()
    past = outcomes["answered_at"] < begin
    scorer.backfill(early, outcomes[past])
    new = outcomes[~past & (outcomes["answered_at"] <= end)]
    events = [(at, 0, row) for at, row in zip(new["answered_at"], new.to_dict("records"), strict=True)]
    events += [
        (at, 1, (i, row)) for i, (at, row) in enumerate(zip(moments(cards), cards.to_dict("records"), strict=True))
    ]
    events.sort(key=lambda event: event[:2])
    scores = {}
    for _, group in groupby(events, key=lambda event: event[0]):
        handed = []
        for _, kind, what in group:
            if kind == 0:
                scorer.answer(plain(what))
            else:
                handed.append(what)
        if len(handed) == 1:
            scores[handed[0][0]] = scorer.score(plain(handed[0][1]))
        elif handed:
            found = scorer.score([plain(row) for _, row in handed])
            scores |= {i: score for (i, _), score in zip(handed, found, strict=True)}
    return [scores[i] for i in range(len(cards))]


def assert_same(scores, table):
    """Every field of every score equals the row of the table, to the bit."""
    for score, (_, row) in zip(scores, table.iterrows(), strict=True):
        assert score.submission_id == row["submission_id"]
        assert score.p_fail == row["p_fail"], score
        assert list(score.causes.values()) == [row[f"p_{name}"] for name in score.causes]
        assert (score.cause, score.decision, score.expected_loss, score.propensity) == tuple(
            row[["cause", "decision", "expected_loss", "propensity"]]
        )
        assert list(score.reasons) == row["reasons"]
        assert pd.isna(row["rule"])
        assert score.rule is None
        assert score.degraded is None
        assert score.model_version == row["model_version"]
