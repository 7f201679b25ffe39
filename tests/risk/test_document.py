import json
import tracemalloc

import numpy as np
import pytest

from cardrisk.errors import BundleError
from cardrisk.facts import CAUSES
from cardrisk.risk.calibrate import Calibration
from cardrisk.risk.causes import CauseShares
from cardrisk.risk.document import ModelCard, dump, parse
from cardrisk.risk.encode import Columns


def card() -> ModelCard:
    columns = Columns(("x", "kind", "渠道"), {"kind": ("a", "b|c")}, ("gone",))
    causes = np.array([0] * 30 + [4] * 50 + [7] * 3, np.int16)
    return ModelCard(
        columns,
        ("x", "kind"),
        {"x": "0" * 64},
        ("kind",),
        Calibration(0.9, 1.1, -0.1, {"a": (0.01, -0.3)}),
        CauseShares.of(np.bincount(causes, minlength=len(CAUSES)).astype(float)),
        {"window": {"start": "2026-01-05", "n": 3}, "metrics": {"auc": np.float64(0.5), "bad": float("nan")}},
    )


def test_round_trip():
    again = parse(dump(card()))
    assert again.columns == card().columns
    assert again.calibration == card().calibration
    assert again.shares == card().shares
    assert again.about["metrics"] == {"auc": 0.5, "bad": None}
    assert dump(again) == dump(parse(dump(again)))


def changed(*path, to):
    body = json.loads(dump(card()))
    part = body
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = to
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[1]", "expected an object"),
        (b"{}", "a part is missing"),
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "more than 20 digits"),
        (b"[" * 5_000, "at most 12 levels"),
        (b"]" * 100 + b"[" * 50, "at most 12 levels"),
        (b'["]",' * 20_000, "at most 60000 values|not valid JSON"),
        (b"[" + b"[]," * 600_000 + b"[]]", "at most 60000 values"),
        (b" " * (5 << 20), "expected at most"),
        (changed("features", to=["x", "x"]), "distinct names in features"),
        (changed("features", to=[1, 2, 3]), "expected text in features"),
        (changed("features", to=[["x"]]), "a part is missing or of the wrong type"),
        (changed("needed", to=["unheard of"]), "needed features must be among"),
        (changed("groups", to=["x"]), "categories must belong"),
        (changed("calibration", "a", to=-1.0), "slopes must be above 0"),
        (changed("calibration", "b", to="1"), r"expected a number in \[-100"),
        (changed("calibration", "c", to=1e400), "Infinity is not a number"),
        (changed("calibration", "groups", to={"a": [0.0]}), "a part is missing or of the wrong type"),
        (changed("calibration", "groups", to={"a": [0.0, 1e9]}), "for offset"),
        (changed("causes", "classes", to=["witchcraft"]), r"unknown causes \['witchcraft'\]"),
        (changed("causes", "rest", to={CAUSES[0]: 0.5}), "must sum to 1"),
        (changed("causes", "known", to=1), "must sum to 1"),
        (changed("causes", "temperature", to=0), "for temperature"),
        (changed("causes", "rest_weight", to=2), "for rest_weight"),
        (changed("about", to=3), "a part is missing or of the wrong type"),
    ],
)
def test_anything_else_is_refused(content, match):
    with pytest.raises(BundleError, match=match):
        parse(content)


HOSTILE = [
    b'{"a":[' + b"[]," * 600_000 + b"[]]}",
    b'{"features":[' + b"1," * 900_000 + b"1]}",
    b'{"a":[' + b"[]," * 29_000 + b"[]]}" + b" " * 1_900_000,
    b'{"features":["' + b"x" * 2_000_000 + b'"]}',
    b'{"about":{' + b",".join(b'"%d":{}' % number for number in range(14_000)) + b"}}",
    b'["]",' * 10_000,
    b"9" * 2_000_000,
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_card_costs_twice_its_size_and_a_fixed_rest_at_most(content):
    tracemalloc.start()
    with pytest.raises(BundleError):
        parse(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 2 * len(content) + (16 << 20)


def test_random_damage_gives_a_card_or_a_typed_error(full_or):
    random = np.random.default_rng(0)
    whole = dump(card())
    for _ in range(full_or(5_000, 400)):
        content = bytearray(whole)
        for _ in range(int(random.integers(1, 4))):
            content[random.integers(len(content))] = int(random.choice(list(b'{}[]",:0123456789.eE-a\x00\xff')))
        try:
            parse(bytes(content))
        except BundleError:
            continue
