"""The tasks between intake and decision: parcels in, parcels out.

Correct when, however rows, ids and entities are dealt to tasks, the values are those of one process.

Each function takes the parcels of one place (a chunk of rows, or a task that has whole ids, cards, requests, days
or entities) and gives parcels for the next.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from cardrisk.features.arrays import DAY, NULL
from cardrisk.features.parts import (
    RESUBMITTED,
    TOKEN,
    PartPlan,
    compute_part,
    day_of,
    part_plan,
    request_columns,
    requests_in,
    resubmitted_in,
    ring_columns,
    rings_on,
    settled,
    together,
)
from cardrisk.features.parts.keyed import Hand
from cardrisk.features.rings import SPAN
from cardrisk.jobs.spark.deal import Deal
from cardrisk.jobs.spark.parcels import LEFT_OUT, Box, Frame, Parcel, cut, joined, load, packed, rows_of
from cardrisk.jobs.spark.slices import cut_by_time
from cardrisk.jobs.spark.take import BUCKETS, IDS, OUTCOMES
from cardrisk.jobs.spark.work import Work

ANSWERS: Final = ("seq", "rank", "time", "until", "known", "failed")


def settle(box: Box, work: Work) -> Iterator[Parcel]:
    """Tell each chunk which of its rows repeat an id, and which answers stand; all rows of some ids are here."""
    for place, frame in box.each(LEFT_OUT):
        yield packed(place, LEFT_OUT, box.place, frame)
    found = [frame.assign(place=place) for place, frame in box.each(IDS)]
    if not found:
        return
    cards = pd.concat(found, ignore_index=True).sort_values("seq", ignore_index=True)
    table = cards["place"] >= 0
    again = pd.DataFrame({"id": cards["id"], "table": table}).duplicated().to_numpy()
    yield load(box.place, "ids", len(cards))
    for place, part in cut_by_chunk(cards["place"].to_numpy()[again], cards.loc[again, ["seq"]]):
        yield packed(place, "dropped", box.place, part)
    cards = cards[~again]
    outcomes = box.all(OUTCOMES)
    told = _no_outcomes(work) if outcomes is None else outcomes
    repeated, answers = settled(cards[["id", "seq", "time"]], told)
    where = Where(cards)
    for name, frame in (("repeated", pd.DataFrame({"seq": repeated})), ("answers", answers)):
        for place, part in cut_by_chunk(where(frame["seq"]), frame):
            yield packed(place, name, box.place, part)


def _no_outcomes(work: Work) -> pd.DataFrame:
    columns = ["rank", "said", "heard", "grade", *(f"is {name}" for name in part_plan(work.features).told)]
    return pd.DataFrame({"id": pd.Series(dtype="str"), **{name: np.empty(0, np.int64) for name in columns}})


class Where:
    """Which chunk each row stands in.

    Parameters
    ----------
    frame
        ``seq`` and ``place``, n rows.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        order = np.argsort(frame["seq"].to_numpy(), kind="stable")
        self._seq, self._place = frame["seq"].to_numpy()[order], frame["place"].to_numpy()[order]

    def __call__(self, seq: pd.Series) -> Any:
        """Return the chunk of each row."""
        if not len(self._seq):
            return np.empty(0, np.int64)
        return self._place[np.searchsorted(self._seq, seq.to_numpy())]


def cut_by_chunk(place: Any, frame: pd.DataFrame) -> Iterator[tuple[int, Frame]]:
    """Cut a table by chunk; chunks of history have negative numbers."""
    lowest = int(place.min()) if len(place) else 0
    for at, part in cut(place - lowest, frame):
        yield at + lowest, part


def told_events(box: Box) -> pd.DataFrame:
    """Events of a chunk, without rows that repeat one of their own table; those that repeat history do not count."""
    events = box.one("events")
    dropped, repeated = box.all("dropped"), box.all("repeated")
    if dropped is not None:
        events = events[~events["seq"].isin(dropped["seq"])].reset_index(drop=True)
    if repeated is not None:
        events.loc[events["seq"].isin(repeated["seq"]), "counts"] = 0
    return events


def told_answers(box: Box, plan: PartPlan) -> pd.DataFrame:
    """Answers about the cards of a chunk."""
    answers = box.all("answers")
    if answers is not None:
        return answers
    return pd.DataFrame({name: np.empty(0, np.int64) for name in (*ANSWERS, *(f"is {name}" for name in plan.told))})


def ask_facts(box: Box, work: Work, deal: Deal) -> Iterator[Parcel]:
    """Send a chunk's events to where the same card, the request and the days before are together."""
    if "events" not in box:
        return
    plan = part_plan(work.features)
    events = told_events(box)
    if RESUBMITTED in plan.derived:
        mine = events.loc[events[f"is {TOKEN}"] != NULL, ["seq", "time", "asks", "counts", f"is {TOKEN}"]]
        yield from _send(mine[f"is {TOKEN}"] % deal.groups, deal.first["cards"], "same card", box, mine)
    if plan.requests:
        mine = events[request_columns(plan)]
        alone = mine["is batch_id"] == NULL
        request = together([mine["is batch_id"].to_numpy(), mine["time"].to_numpy()])
        yield from _send(
            np.where(alone, mine["seq"], request) % deal.groups, deal.first["requests"], "request", box, mine
        )
    if "sealed" in box:
        sealed = box.one("sealed")
        sealed = sealed[sealed["seq"].isin(events["seq"])]
        request = together([sealed["batch"].to_numpy(), sealed["time"].to_numpy()])
        yield from _send(request % deal.groups, deal.first["requests"], "sealed", box, sealed)
    if plan.rings:
        answers = told_answers(box, plan)
        days = day_of(events["time"].to_numpy())
        about = day_of(events.set_index("seq")["time"].reindex(answers["seq"]).to_numpy(np.int64))
        for task, (first, stop) in enumerate(deal.days):
            before = first - SPAN // DAY
            mine = events.loc[(days >= before) & (days < stop), ring_columns()]
            if len(mine):
                yield packed(deal.first["days"] + task, "ring", box.place, mine)
            known = answers.loc[(about >= before) & (about < stop), list(ANSWERS)]
            if len(known):
                yield packed(deal.first["days"] + task, "ring answers", box.place, known)


def _send(group: Any, first: int, name: str, box: Box, frame: pd.DataFrame) -> Iterator[Parcel]:
    for task, part in cut(np.asarray(group, np.int64), frame):
        yield packed(first + task, name, box.place, part)


def tell_facts(box: Box, work: Work, deal: Deal) -> Iterator[Parcel]:
    """Tell each chunk what took other chunks to tell: seen before, handed in together, rings."""
    plan = part_plan(work.features)
    rows = 0
    for name, tell in (("same card", resubmitted_in), ("request", lambda events: requests_in(plan, events))):
        events = gathered(box, name)
        if len(events):
            rows += len(events)
            yield from back(
                box, "facts" if name == "request" else RESUBMITTED, events, tell(events.drop(columns="place"))
            )
    sealed = gathered(box, "sealed")
    if len(sealed):
        yield from back(box, "steps", sealed, _steps(sealed, work))
    events = gathered(box, "ring")
    if len(events):
        rows += len(events)
        first, stop = deal.days[box.place - deal.first["days"]]
        answers = box.all("ring answers")
        known = _no_answers() if answers is None else answers
        plain = events.drop(columns="place")
        yield from back(box, "facts", events, rings_on(range(first, stop), plain, known))
    yield load(box.place, "facts", rows)


def _no_answers() -> pd.DataFrame:
    return pd.DataFrame({name: np.empty(0, np.int64) for name in ANSWERS})


def gathered(box: Box, name: str) -> pd.DataFrame:
    """Tables of one name, of numbers, with the chunk each row came from in ``place``."""
    found = [{**columns, "place": np.full(rows_of(columns), place)} for place, columns in box.numbers(name)]
    whole = joined(found)
    return pd.DataFrame() if whole is None else whole


def back(box: Box, name: str, events: pd.DataFrame, result: pd.DataFrame) -> Iterator[Parcel]:
    """Send a result back to the chunks its rows stand in."""
    for place, part in cut_by_chunk(Where(events[["seq", "place"]])(result["seq"]), result):
        yield packed(place, name, box.place, part)


def _steps(sealed: pd.DataFrame, work: Work) -> pd.DataFrame:
    from cardrisk.codes import RAW
    from cardrisk.codes.steps import steps

    intake = work.intake(pd.DataFrame(columns=list(RAW)))
    part = (sealed["place"] >= 0).to_numpy().astype(np.int64)
    group = pd.factorize(together([sealed["batch"].to_numpy(), sealed["time"].to_numpy(), part]))[0].astype(np.int64)
    nonce = np.ascontiguousarray(sealed[["nonce 0", "nonce 1"]].to_numpy()).view(np.uint8).reshape(-1, 16)
    found = steps(intake, nonce, sealed[["number", "secret"]].to_numpy(), group)
    return pd.DataFrame({"seq": sealed["seq"], **found})


def ask_parts(box: Box, work: Work, deal: Deal) -> Iterator[Parcel]:
    """Deal a chunk's events and answers to the tasks of each key's entities."""
    if "events" not in box:
        return
    plan = part_plan(work.features)
    events, answers = told_events(box), told_answers(box, plan)
    if RESUBMITTED in plan.derived:
        events[RESUBMITTED] = _joined(events["seq"], box.all(RESUBMITTED))
    if not events["seq"].is_monotonic_increasing:
        events = events.sort_values("seq", ignore_index=True)
    hand = Hand(events, answers)
    for at, part in enumerate(plan.parts):
        events_of_part, rows, about, told_rows = hand.deal(part)
        del about["card_time"]
        mine = {name: column[rows] for name, column in events_of_part.items()}
        told = {name: column[told_rows] for name, column in about.items()}
        for kind, columns in (("part", mine), ("answers", told)):
            for task, dealt in cut(deal.task_of[at][columns["entity"] % BUCKETS], columns):
                yield packed(task, kind, box.place, dealt)
        for bucket, slices in ((bucket, cuts) for (key, bucket), cuts in deal.slices.items() if key == at):
            hot, known = (pd.DataFrame(columns)[columns["entity"] % BUCKETS == bucket] for columns in (mine, told))
            for task, some, heard in cut_by_time(part, hot, known, slices):
                yield packed(task, "part", box.place, some)
                yield packed(task, "answers", box.place, heard)


def _joined(seq: pd.Series, told: pd.DataFrame | None) -> Any:
    if told is None:
        return np.full(len(seq), NULL)
    found = told.set_index("seq")[RESUBMITTED].reindex(seq)
    return found.fillna(NULL).to_numpy(np.int64) if found.isna().any() else found.to_numpy(np.int64)


def tell_parts(box: Box, work: Work, deal: Deal) -> Iterator[Parcel]:
    """Compute one key's features of some of its entities."""
    plan = part_plan(work.features)
    part = plan.parts[deal.part_of[box.place]]
    events = gathered(box, "part")
    answers = box.all("answers")
    if not len(events):
        return
    plain = events.drop(columns="place")
    told = _told(answers, part.told)
    yield from back(box, "features", events, pd.DataFrame(compute_part(part, plain, told), copy=False))
    yield load(box.place, "features", len(events))


def _told(answers: pd.DataFrame | None, told: tuple[str, ...]) -> pd.DataFrame:
    if answers is not None:
        return answers
    columns = (*ANSWERS, *(f"is {name}" for name in told), "entity")
    return pd.DataFrame({name: np.empty(0, np.int64) for name in columns})
