"""A card and what was decided about it are stored in one step, whoever writes in between; otherwise neither is."""

from dataclasses import replace

import pytest

from cardrisk.errors import StoreError
from cardrisk.scoring.road import CROWD, TRIES
from cardrisk.tables import check_one

from .events import plain


@pytest.fixture
def rows(tiny):
    cards = [plain(row) for row in tiny.late.head(60).drop(columns="batch_id").to_dict("records")]
    return [row for row in cards if isinstance(check_one(row), dict)]


def intervene(scorer, what):
    """Let something happen each time after cards were read and before they are stored."""
    history = scorer._road.history
    real, read = history.draft, []

    def draft(cards, moment):
        found = real(cards, moment)
        read.append([card["submission_id"] for card in cards])
        what(len(read))
        return found

    history.draft = draft
    return read


def names(scorer):
    return scorer._road.history.tables()[0]["submission_id"].tolist()


def test_no_second_write_is_needed(rows, make, durable, monkeypatch) -> None:
    scorer, alone = make(durable), make()

    def down(*_):
        raise StoreError("expected no second write, got one")

    monkeypatch.setattr(scorer._road.ledger, "keep", down)
    expected = [alone.score(row) for row in rows[:6]] + alone.score(rows[6:9])
    assert [scorer.score(row) for row in rows[:6]] + scorer.score(rows[6:9]) == expected
    assert all(scorer.record(row["submission_id"]) is not None for row in rows[:9])
    assert scorer._road.history.state.next_card == 9


@pytest.mark.parametrize("times", [1, TRIES - 1, TRIES, TRIES + 2])
def test_a_card_is_read_anew_where_others_wrote_first(rows, make, durable, times) -> None:
    one, two, alone = (make(store, reasons="none") for store in (durable, durable, "memory://"))
    mine = rows[10]
    like_mine = {name: mine[name] for name in ("submitter_id", "supplier_id", "device_id", "client_ip") if name in mine}
    foreign = [{**rows[9], **like_mine, "submission_id": f"foreign-{i}"} for i in range(2 * TRIES)]
    assert [one.score(row) for row in rows[:10]] == [alone.score(row) for row in rows[:10]]
    others = []
    read = intervene(one, lambda time: others.append(two.score(foreign[time])) if time <= times else None)
    found = one.score(mine)
    assert others == [alone.score(foreign[time]) for time in range(1, len(others) + 1)]
    assert found == alone.score(mine)
    assert len(read) == min(times + 1, TRIES)
    assert sorted(names(one)) == sorted(names(alone))
    assert one.record(mine["submission_id"])[0].score == found


def test_reasons_are_worked_out_after_a_card_is_stored_where_others_write_too(rows, make, durable, monkeypatch) -> None:
    one, two, alone = (make(store, reasons="all") for store in (durable, durable, "memory://"))
    foreign = [{**rows[9], "submission_id": f"foreign-{i}"} for i in range(9)]
    read = intervene(one, lambda time: two.score(foreign[time]) if time % 2 else None)
    real, stored = one._road._judge.reasons, []

    def reasons(card, row):
        stored.append(card["submission_id"] in names(two))
        two._road.history.store.trim(0)  # nobody has to wait while they are
        return real(card, row)

    monkeypatch.setattr(one._road._judge, "reasons", reasons)
    found = [one.score(row) for row in rows[:3]]
    assert len(read) == 4  # twice for the first card, which met with others
    assert stored == [False, True, True, True]
    two.close()
    del one._road.history.draft
    alone.score(foreign[1])  # came before the first card, whose reasons are of what was known then
    assert found[0] == alone.score(rows[0])
    quiet = [one.score(row) for row in rows[3 : 3 + CROWD]]
    stored.clear()
    assert one.score(rows[20]).reasons is not None
    assert stored == [False]
    assert [one.record(score.submission_id)[0].score for score in found + quiet] == found + quiet


def test_a_card_that_another_process_took_in_meanwhile_gets_that_answer(rows, make, durable) -> None:
    one, two = make(durable), make(durable)
    others = []
    intervene(one, lambda time: others.append(two.score(rows[0])) if time == 1 else None)
    assert one.score(rows[0]) == others[0]
    assert names(one) == [rows[0]["submission_id"]]


def test_a_person_forgotten_in_between_is_not_read(rows, make, durable) -> None:
    person = rows[0]["submitter_id"]
    one, two, alone = make(durable), make(durable), make()
    theirs = [row for row in rows[:12] if row.get("submitter_id") == person]
    for row in rows[:12]:
        one.score(row)
        if row not in theirs:
            alone.score(row)
    intervene(one, lambda time: two.forget(person) if time == 1 else None)
    assert one.score(rows[20]) == alone.score(rows[20])


def test_an_old_record_stands(rows, make, durable) -> None:
    """Its event was trimmed: the card counts again, and keeps its answer."""
    one = make(durable)
    first = one.score(rows[0])
    one._road.history.store.trim(2**61)
    again = make(durable)
    assert again.score({**rows[0], "face_value": 1.0}) == first
    assert names(again) == [rows[0]["submission_id"]]


def test_nothing_is_stored_where_something_is_in_the_way(rows, make, durable) -> None:
    one = make(durable)
    for row in rows[:3]:
        one.score(row)
    history, ledger = one._road.history, one._road.ledger
    record, _ = one.record(rows[0]["submission_id"])
    later = history.now + 1

    def of(name, moment=later):
        score = replace(record.score, submission_id=name)
        return record._replace(moment=moment, card={"submission_id": name}, score=score)

    ledger.keep([of("decided about")])
    for records, seen in (
        ([of("new")], history.seen - 1),  # others came first
        ([of("new")], history.seen + 1),
        ([of("new", history.now - 1)], history.seen),  # its moment has passed
        ([of(rows[1]["submission_id"])], history.seen),  # it is stored already
        ([of("decided about")], history.seen),  # there is a record already
        ([of("new"), of("decided about")], history.seen),
    ):
        done, after = ledger.put(records, seen)
        assert not done
        assert [each.number for each in after] == list(range(seen + 1, history.seen + 1))
        assert ledger.find("new") is None
    assert len(names(one)) == 3
    assert ledger.put([of("new"), of("newer")], history.seen)[0]
    assert [ledger.find(name) for name in ("new", "newer")] == [of("new"), of("newer")]
    assert len(names(make(durable))) == 5
