"""What holds secrets never shows them: not printed, pickled, copied, logged, nor hung on an exception."""

import copy
import io
import json
import logging
import pickle
import traceback

import numpy as np
import pandas as pd
import pytest

from cardrisk.codes import Intake, Key, KeyRing, Secret, check, intake
from cardrisk.codes._clean import clean
from cardrisk.codes._one import OneCard
from cardrisk.codes.sealed import Texts
from cardrisk.codes.tokens import Hasher
from cardrisk.errors import InputError
from tests.codes.cards import KEY

CODE = "8642097531864209"
HOLDERS = [
    Secret(CODE),
    Texts.of([CODE]),
    clean(Texts.of([CODE])),
    OneCard(CODE.encode(), CODE.encode(), 0, "junnet", 1),
    Key(KEY),
    KeyRing(KEY),
    Hasher(Key(KEY)),
    Intake(KEY),
]


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda h: type(h).__name__)
def test_it_shows_nothing(holder: object) -> None:
    shown = [repr(holder), str(holder), f"{holder}", f"{holder!r:>20}", f"{[holder]}", f"{holder:s}"]
    assert all(text.strip(" []") == "***" for text in shown)
    for refuse in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled or copied"):
            refuse(holder)
    with pytest.raises(TypeError, match="not JSON serializable"):
        json.dumps(holder)


def test_a_secret_is_equal_by_what_it_holds_and_is_no_key_of_a_dict() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    with pytest.raises(TypeError, match="unhashable"):
        {Secret("a"): 1}


def test_a_wiped_column_is_empty() -> None:
    codes = clean(Texts.of([CODE, "1"]))
    codes.wipe()
    assert not codes.data.any()
    assert [codes.code(0), codes.code(1)] == ["", ""]


def test_the_boundary_wipes_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def remember(texts: Texts) -> object:
        made.append(clean(texts))
        return made[-1]

    monkeypatch.setattr("cardrisk.codes.gate.clean", remember)
    frame = pd.DataFrame({"card_kind": ["junnet"], "card_no": [CODE], "card_secret": [CODE]})
    Intake(KEY).frame(frame)
    assert len(made) == 2
    assert not any(codes.data.any() for codes in made)


def explode(*args: object, **kwargs: object) -> None:
    raise ValueError(f"could not convert {CODE}", args)


@pytest.mark.parametrize("road", ["frame", "one", "check"])
def test_an_error_inside_leaves_without_the_code(road: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cardrisk.codes.gate.clean", "cardrisk.codes._one.clean_one"):
        monkeypatch.setattr(name, explode)
    card = {"card_kind": "junnet", "card_no": CODE, "card_secret": Secret(CODE)}
    log = io.StringIO()
    logger = logging.getLogger("test of the boundary")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(log))
    calls = {
        "frame": lambda: intake(pd.DataFrame([card]), key=KEY),
        "one": lambda: Intake(KEY).one(card),
        "check": lambda: check(card),
    }
    with pytest.raises(InputError, match=r"could not read its input \(ValueError\)") as caught:
        calls[road]()
    error = caught.value
    logger.error("intake failed: %r", error, exc_info=error)
    assert error.__context__ is None
    assert error.__cause__ is None
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args) + log.getvalue()
    assert CODE not in text
    below = []
    frames = error.__traceback__
    while frames is not None:
        if frames.tb_frame.f_code.co_filename.endswith("boundary.py"):
            below.append(dict(frames.tb_frame.f_locals))
        frames = frames.tb_next
    assert below
    assert CODE not in repr(below)


def test_numpy_and_pandas_texts_of_holders_stay_hidden() -> None:
    frame = pd.DataFrame({"card_secret": [Secret(CODE)]})
    assert CODE not in f"{frame} {frame.to_csv()} {np.array([Secret(CODE)], object)}"
