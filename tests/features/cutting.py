"""Features through parts, cut at random: the order of work that `cardrisk.features.parts` describes, in memory."""

import itertools

import numpy as np
import pandas as pd

from cardrisk.features import parts


def compute_cut(rng, submissions, outcomes, features, history=None, chunks=3, groups=3, compute_part=None):
    """Compute features as a job would: chunks of rows, groups of entities, everything shuffled on the way."""
    compute_part = compute_part or parts.compute_part
    plan = parts.part_plan(features)
    past = [] if history is None else [history[0]]
    told = [frame for frame in ([] if history is None else [history[1]]) + [outcomes] if frame is not None]
    tables = [*((frame, False) for frame in past), (submissions, True)]
    events, asked, offset = [], [], 0
    for frame, asks in tables:
        for chunk in np.array_split(np.arange(len(frame)), chunks):
            rows = frame.iloc[chunk]
            events.append(parts.events_of(rows, chunk + offset, features, asks=asks))
            events[-1]["id"] = rows["submission_id"].to_numpy()
            if asks:
                asked.append((rows, chunk + offset))
        offset += len(frame)
    events = pd.concat(events)
    ranks = np.cumsum([0, *map(len, told)])
    narrow = [parts.outcomes_of(frame, ranks[i] + np.arange(len(frame)), features) for i, frame in enumerate(told)]
    narrow = pd.concat(narrow)
    settled = [
        parts.settled(events.loc[own, ["id", "seq", "time"]], narrow[other])
        for own, other in cut(rng, events["id"].map(str), narrow["id"].map(str), groups)
    ]
    repeated = np.concatenate([seqs for seqs, _ in settled])
    answers = pd.concat([frame for _, frame in settled]).sample(frac=1, random_state=int(rng.integers(2**31)))
    events = events.drop(columns="id").assign(counts=np.where(events["seq"].isin(repeated), 0, events["counts"]))
    facts = []
    if parts.RESUBMITTED in plan.derived:
        known = events[events[f"is {parts.TOKEN}"] != parts.narrow.NULL]
        seen = [parts.resubmitted_in(known[mine]) for mine, _ in cut(rng, known[f"is {parts.TOKEN}"], None, groups)]
        facts += seen
        flags = pd.concat(seen).set_index("seq")[parts.RESUBMITTED]
        found = flags.reindex(events["seq"])
        events[parts.RESUBMITTED] = np.where(found.isna(), parts.narrow.NULL, found.fillna(0).astype("int64"))
    if plan.requests:
        names = parts.request_columns(plan)
        alone = (events["is batch_id"] == parts.narrow.NULL).to_numpy()
        facts.append(parts.requests_in(plan, events.loc[alone, names]))
        batch = events.loc[~alone, names]
        group = parts.together([batch["is batch_id"].to_numpy(), batch["time"].to_numpy()])
        facts += [parts.requests_in(plan, batch[mine]) for mine, _ in cut(rng, pd.Series(group), None, groups)]
    if plan.rings:
        days = parts.day_of(events["time"])
        cuts = np.unique([days.min(), *rng.choice(np.unique(days), groups), days.max() + 1])
        for first, stop in itertools.pairwise(cuts.tolist()):
            near = (days >= first - 7) & (days < stop)
            facts.append(parts.rings_on(range(first, stop), events.loc[near, parts.ring_columns()], answers))
    for part in plan.parts:
        mine = parts.events_for(part, events)
        about = parts.answers_for(part, answers, mine, card_time=True)
        for own, other in cut(rng, mine["entity"], about["entity"], groups):
            facts.append(compute_part(part, mine[own], about[other]))
    rng.shuffle(facts)
    out = []
    for rows, seq in asked:
        joined = parts.Rows(rows, seq, features)
        for fact in facts:
            joined.add(fact)
        out.append(joined.finished())
    return pd.concat(out)


def cut(rng, keys, others, groups):
    """Masks of rows per random group of keys, in both tables."""
    every = pd.unique(pd.concat([pd.Series(keys), pd.Series(others, dtype=pd.Series(keys).dtype)]))
    place = dict(zip(every, rng.integers(0, groups, len(every)), strict=True))
    left = pd.Series(keys).map(place).to_numpy()
    right = None if others is None else pd.Series(others).map(place).to_numpy()
    return [(left == g, None if right is None else right == g) for g in range(groups)]
