"""Every fact equals its plain definition, is documented, and all together they tell little."""

from collections import Counter
from math import log2

import numpy as np
import pandas as pd
import pytest

from cardrisk.codes import ANOMALIES, Intake
from cardrisk.codes.anomalies import NAMES, PER_CARD
from cardrisk.codes.normalise import normalise
from cardrisk.kinds import KINDS, CardKind, Shape
from tests.codes.cards import ALNUM, KEY, random_cards, uniform
from tests.oracles import codes as oracle


def normalised(card: dict[str, object], kind: CardKind | None) -> tuple[str, str]:
    """Both codes, split apart where one field held both and the kind's lengths allow one answer."""
    number, secret = (normalise(card[name] or "")[0] for name in ("card_no", "card_secret"))
    if secret or not number or kind is None or kind.secret is None:
        return number, secret
    lengths = kind.number.lengths if kind.number else (0,)
    ways = [n for n in lengths if n < len(number) and len(number) - n in kind.secret.lengths]
    return (number[: ways[0]], number[ways[0] :]) if len(ways) == 1 and len(number) not in lengths else (number, secret)


def test_every_fact_equals_the_oracle(full_or):
    cards = random_cards(full_or(60_000, 2_000), 11)
    taken = Intake(KEY).frame(cards)
    for card, row in zip(cards.to_dict("records"), taken[list(NAMES)].to_dict("records"), strict=True):
        card = {name: None if isinstance(value, float) else value for name, value in card.items()}
        kind = KINDS.get(card["card_kind"])
        number, secret = normalised(card, kind)
        for name, expected in oracle.facts(number, secret, kind, KINDS).items():
            got = None if pd.isna(row[name]) else row[name]
            assert got == expected, (name, kind and kind.name, expected, got)


def test_progression_equals_the_oracle_and_ignores_order():
    rng = np.random.default_rng(5)
    intake = Intake(KEY)
    for _ in range(60):
        size = int(rng.integers(1, 9))
        step = int(rng.integers(1, 50))
        values = [int(rng.integers(10**8)) if rng.random() < 0.4 else 10**7 + step * k for k in range(size)]
        cards = [
            {"card_kind": "qq", "card_no": f"{v:09d}", "batch_id": "b", "submitted_at": pd.Timestamp(0, tz="UTC")}
            for v in values
        ]
        got = {card["code_number_progression"] for card in intake.together(cards)}
        assert got == {oracle.progression(values)}
        assert got == {card["code_number_progression"] for card in intake.together(cards[::-1])}


def test_a_counter_is_a_progression_and_chance_is_not():
    rng = np.random.default_rng(6)
    base = {"batch_id": "b", "submitted_at": pd.Timestamp(0, tz="UTC"), "card_kind": "junnet"}
    counter = [base | {"card_secret": f"{7_000_000_000_000_000 + 37 * k}"} for k in range(50)]
    chance = [base | {"card_secret": f"{v:016d}"} for v in rng.integers(10**16, size=50)]
    intake = Intake(KEY)
    assert {card["code_secret_progression"] for card in intake.together(counter)} == {1.0}
    assert {card["code_secret_progression"] for card in intake.together(chance)} == {0.0}
    elsewhere = [card | {"batch_id": f"b{k}"} for k, card in enumerate(counter)]
    assert {card["code_secret_progression"] for card in intake.together(elsewhere)} == {None}


def test_every_fact_says_what_it_sees_and_what_not():
    assert len(NAMES) == len(set(NAMES)) == len(ANOMALIES)
    assert sum(not name.endswith("_progression") for name in NAMES) == PER_CARD
    for anomaly in ANOMALIES:
        assert anomaly.name.startswith("code_")
        assert all((anomaly.unit, anomaly.sees, anomaly.blind))
        assert (anomaly.unit == "category") == bool(anomaly.categories)


@pytest.mark.parametrize("kind", ["junnet", "qq", "jd_ecard", "zhengtu"])
def test_the_facts_tell_less_than_seven_bits_about_a_uniform_code(kind):
    """Entropy of all facts together: what they tell on average about number and secret."""
    rng = np.random.default_rng(8)
    count = 20_000
    cards = pd.DataFrame({"card_kind": kind}, index=range(count))
    for column, shape in (("card_no", KINDS[kind].number), ("card_secret", KINDS[kind].secret)):
        if shape is not None:
            cards[column] = uniform(rng, count, shape.lengths[0], ALNUM[: 10 if shape.alphabet == "digits" else 36])
    facts = Intake(KEY).frame(cards)[list(NAMES)].astype("object").fillna("-")
    shares = np.array(list(Counter(map(tuple, facts.to_numpy())).values())) / count
    entropy = -sum(p * log2(p) for p in shares)
    assert entropy < 7.0


def test_kinds_of_ones_own_are_judged_by_their_own_shapes():
    own = CardKind(
        name="ours",
        title_en="Ours",
        title_zh="自有卡",
        family="game",
        issuer="ours",
        number=Shape((40,)),
        secret=Shape((7, 12), "alnum", 3),
        denominations=(10,),
        provincial=False,
        binds=False,
        expires=False,
        activates=False,
        verified=True,
        source="a test",
        date="2026-11-22",
    )
    kinds = dict(KINDS) | {"ours": own}
    card = {"card_kind": "自有卡", "card_no": "1" * 40, "card_secret": "ABC1234"}
    got = Intake(KEY, kinds).one(card)
    assert (got["code_kind_fit"], got["code_stray"], got["code_break_at"]) == ("fits", 0.0, "none")
    got = Intake(KEY, kinds).one(card | {"card_secret": "AB01X34"})
    assert (got["code_kind_fit"], got["code_stray"], got["code_lookalike"]) == ("no_kind", 2.0, 1.0)
