"""What the intake boundary leaves behind."""

import json
import logging
import os
import pickle
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pandas as pd

from cardrisk.codes import Intake, KeyRing, Secret, check, check_text, intake, read_batch
from cardrisk.codes._clean import clean
from cardrisk.codes._one import read_one
from cardrisk.codes.sealed import Texts
from cardrisk.codes.shapes import shape_table
from cardrisk.kinds import KINDS
from tests.canary import Planted, raised, surface
from tests.codes.cards import KEY, NEXT_KEY


@surface("intake of a table")
def tables(planted: Planted) -> Iterator[Any]:
    cards = pd.DataFrame(planted.cards)
    for name, key in (("keyed", KEY), ("rotating", KeyRing(KEY, NEXT_KEY))):
        taken = intake(cards, key=key)
        yield name, taken
        taken.to_parquet(planted.tmp / f"{name}.parquet")
        taken.to_csv(planted.tmp / f"{name}.csv.gz")
        taken.to_json(planted.tmp / f"{name}.json", orient="records")
        yield pickle.dumps(taken)
    yield planted.tmp


@surface("intake without a key")
def keyless(planted: Planted) -> Iterator[Any]:
    with mock.patch.dict(os.environ):
        os.environ.pop("CARDRISK_KEY", None)
        yield intake(pd.DataFrame(planted.cards))


@surface("intake of single cards")
def single(planted: Planted) -> Iterator[Any]:
    boundary = Intake(KEY)
    cards = planted.cards[:500]
    yield repr([boundary.one(card) for card in cards])
    yield json.dumps(boundary.together(cards), default=str)
    yield repr(boundary)
    logging.getLogger("cardrisk").debug("boundary %s %r", boundary, boundary.__class__)


@surface("hints")
def hints(planted: Planted) -> Iterator[Any]:
    said = []
    for card in planted.cards[:500]:
        for change in ({}, {"card_secret": card["card_secret"][:-1]}, {"card_secret": card["card_secret"] + "*"}):
            found = check(card | change, doubt=True)
            said.append("\n".join(f"{hint.en} {hint.zh} {hint!r}" for hint in found.hints))
    yield "\n".join(said)
    lines = [f"{card['card_no']} {card['card_secret']}" for card in planted.cards[:500]]
    yield check_text(lines, kind="junnet")
    yield read_batch(lines)


@surface("what holds codes inside")
def holders(planted: Planted) -> Iterator[Any]:
    texts = Texts.of(planted.canaries.numbers)
    card = read_one(planted.cards[0], "jd_ecard", 0, shape_table([KINDS["jd_ecard"]]))
    for holder in (texts, clean(texts), card, Secret(planted.canaries.numbers[0]), Intake(KEY)):
        logging.getLogger("cardrisk").debug("%s %r %.9s", holder, [holder], holder)
        yield f"{holder} {holder!r} {[holder]} {holder.__class__}"
        yield raised(lambda holder=holder: pickle.dumps(holder))
        yield raised(lambda holder=holder: json.dumps(holder))


@surface("errors of the boundary")
def errors(planted: Planted) -> Iterator[Any]:
    cards, lines = planted.cards, planted.canaries.numbers
    bad: list[Any] = [lines, lines[0], {"card_no": lines}, [cards[:2]]]
    for thing in bad:
        yield raised(lambda thing=thing: intake(thing, key=KEY))
        yield raised(lambda thing=thing: Intake(KEY).together(thing))
    yield raised(lambda: check(lines[0]))
    yield raised(lambda: read_batch([f"{line} {line}" for line in lines[:11]] * 100))
    yield raised(lambda: check_text(lines[:3], kind="no such kind"))
    twice = pd.concat([pd.DataFrame(cards[:3])] * 2, axis=1)
    yield raised(lambda: intake(twice, key=KEY))
