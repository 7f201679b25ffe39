"""A record is read back bit for bit, and the decision follows from it alone."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cardrisk.errors import InputError, ModelError, StoreError
from cardrisk.facts import CAUSES
from cardrisk.jobs import replay as job
from cardrisk.risk import RiskModel
from cardrisk.scoring.record import Context, Record
from cardrisk.scoring.replay import find, replay

from .events import plain, play


def test_records_and_contexts_come_back_as_they_were(tiny, make) -> None:
    scorer = make(reasons="all")
    row = plain(tiny.late.iloc[3].to_dict())
    scorer.score(row)
    record, context = scorer.record(row["submission_id"])
    assert Record.parse(record.dump()) == record
    shares = record.score.shares
    assert tuple(shares) == tuple(record.score.causes.values()) == tuple(record.score.shares)
    assert tuple(Record.parse(record.dump()).score.shares) == tuple(shares)
    assert Context.parse(context.dump()) == context
    assert context.version
    assert context.bundle.startswith(scorer.model.version)
    assert context.features == scorer.model.features.digest
    assert len(record.numbers) == len(context.names)


# What the first protocol wrote, in base 85: numbers 1.5 and NaN, p_fail .3 spread evenly over the causes.
OF_PROTOCOL_1 = (
    b"0,6,=7265636f72642e636f6e74657874,=7265636f72642e6d6f6d656e74,=7265636f72642e726f77,=7265636f72642e70,"
    b"=7265636f72642e6361757365,=7265636f72642e6465636973696f6e,=7265636f72642e6c6f7373,"
    b"=7265636f72642e70726f70656e73697479,=7265636f72642e726561736f6e73,=7265636f72642e6d6f64656c"
    b'["a1","u1","0123456789abcdef",1700000000000000,"00000008(u00000008)Z","Gcz+YGc(ga'
    + b"7kZ%=dZCv;" * 12
    + b'7kZ%=dZCv;","bad_format","review",1.25,0.0,"one\\ntwo","abc"]'
)


# The same in the second protocol, in base 64.
OF_PROTOCOL_2 = (
    b"0,6,=7265636f72642e636f6e74657874,=7265636f72642e6d6f6d656e74,=7265636f72642e726f773634,=7265636f72642e703634,"
    b"=7265636f72642e6361757365,=7265636f72642e6465636973696f6e,=7265636f72642e6c6f7373,"
    b"=7265636f72642e70726f70656e73697479,=7265636f72642e726561736f6e73,=7265636f72642e6d6f64656c"
    b'["a1","u1","0123456789abcdef",1700000000000000,"AAAAAAAA+D8AAAAAAAD4fw==","MzMzMzMz0z8X'
    + b"eqEXeqGXPxd6oRd6oZc/F3qhF3qhlz8X" * 4
    + b'eqEXeqGXPw==","bad_format","review",1.25,0.0,"one\\ntwo","abc"]'
)


@pytest.mark.parametrize("body", [OF_PROTOCOL_1, OF_PROTOCOL_2])
def test_a_record_of_an_older_protocol_is_read(body) -> None:
    record = Record.parse(body)
    assert record.numbers[0] == 1.5
    assert math.isnan(record.numbers[1])
    assert record.score.p_fail == 0.3
    assert set(record.score.causes.values()) == {0.3 / len(CAUSES)}
    assert (record.card["submitter_id"], record.moment, record.score.reasons) == (
        "u1",
        1_700_000_000_000_000,
        ("one", "two"),
    )
    assert Record.parse(record.dump()) == record


def test_no_code_stands_in_a_record(tiny, make) -> None:
    scorer = make()
    for row in map(plain, tiny.late.head(50).to_dict("records")):
        scorer.score(row)
        body = scorer.record(row["submission_id"])[0].dump()
        for column in ("card_no", "card_secret", "client_ip", "device_id"):
            assert f'"{row.get(column, "*" * 9)}"'.encode() not in body


def test_any_numbers_come_back_to_the_bit() -> None:
    record = Record.parse(OF_PROTOCOL_1)
    rng = np.random.default_rng(5)
    bits = rng.integers(-(2**63), 2**63, 3_000)
    edges = [0.0, -0.0, math.inf, -math.inf, math.nan, 0.1, 1e300, 5e-324, 2.0**-149, 2.0**-150, 16_777_217.0]
    for row in (bits.view("<f8"), rng.random(500).astype("<f4").astype("<f8"), np.array(edges), np.zeros(0)):
        again = Record.parse(record._replace(row=row.astype("<f8").tobytes()).dump())
        assert again.row == row.astype("<f8").tobytes()
    with pytest.raises(StoreError, match="damaged"):
        Record.parse(record.dump()[:-1])


def test_every_decision_is_taken_again_to_the_bit(tiny, make, url, full_or) -> None:
    scorer = make(url, reasons="all")
    cards = tiny.late.head(full_or(1_000, 40))
    given = play(scorer, tiny.early.tail(300), cards, tiny.outcomes)
    model = RiskModel.load(tiny.bundle)
    for score in given:
        done = replay(*scorer.record(score.submission_id), model)
        assert done.same
        assert done.again == score
    first = replay(*scorer.record(given[-1].submission_id), model, store=scorer._road.history.store)
    assert first.moved == ()


def test_a_changed_record_is_told(tiny, make) -> None:
    scorer = make()
    row = plain(tiny.late.iloc[0].to_dict())
    score = scorer.score(row)
    record, context = scorer.record(row["submission_id"])
    nudged = replace(score, p_fail=math.nextafter(score.p_fail, 1))
    done = replay(record._replace(score=nudged), context, scorer.model)
    assert done.differs == ("p_fail",)
    with pytest.raises(ModelError, match="expected the bundle 000000000000"):
        replay(record, replace(context, bundle="0" * 64), scorer.model)
    with pytest.raises(ModelError, match="defined differently"):
        replay(record, replace(context, features="0" * 64), scorer.model)


def test_damaged_bytes_are_no_record() -> None:
    with pytest.raises(StoreError, match="damaged"):
        Record.parse(b"nothing")
    with pytest.raises(StoreError, match="damaged"):
        Record.parse(b'0["a"]')
    with pytest.raises(StoreError, match="damaged"):
        Context.parse(b"[]")


def test_the_job_says_the_same_in_every_bit(tiny, make, durable, capsys) -> None:
    scorer = make(durable)
    row = plain(tiny.late.iloc[0].to_dict())
    scorer.score(row)
    scorer.close()
    name = row["submission_id"]
    assert find(name, durable) is not None
    assert job.run(submission=name, store=durable, model=str(tiny.bundle), history=True) == 0
    said = capsys.readouterr().out
    assert "the same in every bit" in said
    assert "the same features" in said
    with pytest.raises(InputError, match="found none"):
        job.run(submission="nobody", store=durable, model=str(tiny.bundle), history=False)


def test_a_mistyped_store_is_named_and_not_made(tmp_path) -> None:
    with pytest.raises(StoreError, match=r"got 'none.db': no such file"):
        job.run(submission="a", store=f"sqlite:///{tmp_path}/none.db?timeout=1", model=None, history=False)
    assert not list(tmp_path.iterdir())
