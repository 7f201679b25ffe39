"""Hints are questions about this card's own positions: few, in two languages, blind to every other card."""

import re
from collections import defaultdict

import numpy as np
import pytest

import cardrisk
from cardrisk.codes import Hints, check, check_text, intake_one
from cardrisk.codes.hints import MOST
from cardrisk.codes.shapes import FIELDS
from cardrisk.errors import InputError
from cardrisk.kinds import KINDS
from tests.codes.cards import ALNUM, KEY, code_of, random_cards
from tests.codes.planting import plant

GOOD = {"card_kind": "qq", "card_no": "123456789", "card_secret": "135792468013"}


@pytest.mark.parametrize(
    ("change", "english", "chinese"),
    [
        ({}, [], []),
        ({"card_secret": "135792O68013"}, ["position 7 of the secret: O or 0\\?"], ["卡密第7位：是0还是O？"]),
        ({"card_secret": "13 57-92O680 13"}, ["position 7 of the secret: O or 0\\?"], ["卡密第7位：是0还是O？"]),
        ({"card_no": "12345X789"}, ["position 6 of the card number is a letter, .*"], ["卡号第6位是字母，.*"]),
        ({"card_no": "1234*6789"}, ["position 5 of the card number cannot be read: .*"], ["卡号第5位看不清.*"]),
        ({"card_secret": "1357924680"}, ["the secret is 2 characters short: .*"], ["卡密少了2位：.*"]),
        ({"card_no": "12345678"}, ["the card number is 1 character short: .*"], ["卡号少了1位：.*"]),
        (
            {"card_secret": "1357792468013"},
            ["the secret is 1 character too long: .*", "positions 4 and 5 of the secret are the same: .*"],
            ["卡密多了1位：.*", "卡密第4、5位相同：.*"],
        ),
        ({"card_no": "135792468013", "card_secret": "123456789"}, ["are .* swapped\\?"], [".*填反了.*"]),
        ({"card_no": "135792468013"}, ["the same code stands in both fields.*"], ["卡号与卡密内容相同.*"]),
        ({"card_kind": "sohu"}, ["these codes have another kind's shape: .*"], [".*卡种选对了吗？"]),
        ({"card_secret": None}, ["the secret is missing"], ["缺少卡密"]),
        ({"card_secret": "1" * 2000}, ["the secret holds far more than a code.*"], ["卡密内容过长.*"]),
        ({"card_kind": "no such kind"}, [], []),
        ({"card_kind": None, "card_no": "12?45"}, ["position 3 of the card number cannot .*"], ["卡号第3位.*"]),
    ],
)
def test_examples(change: dict[str, str], english: list[str], chinese: list[str]) -> None:
    for language, patterns in (("en", english), ("zh", chinese)):
        hints = check(GOOD | change, language=language)
        assert len(hints) == len(patterns), list(hints)
        assert all(re.fullmatch(pattern, hint) for pattern, hint in zip(patterns, hints, strict=True)), list(hints)
        assert bool(hints) == bool(patterns)


def test_it_is_the_packages_own() -> None:
    assert cardrisk.check is check
    assert repr(check(GOOD | {"card_secret": None})) == "Hints(['the secret is missing'])"
    assert check(GOOD | {"card_secret": None})[0] == "the secret is missing"


@pytest.mark.parametrize("doubt", [False, True])
def test_at_most_a_handful_and_never_a_candidate_code(doubt: bool) -> None:
    """A hint shows at most two characters of a code, and those at one named position."""
    for card in random_cards(800, 31).to_dict("records"):
        card = {name: None if isinstance(value, float) else value for name, value in card.items()}
        hints = check(card, doubt=doubt)
        assert len(hints) <= MOST
        for hint in hints.hints:
            for text in (hint.en, hint.zh):
                shown = re.sub(r"positions? \d+( and \d+)?|第\d+(、\d+)?位|\d+ characters?|[少多]了\d+位", "", text)
                kind = KINDS.get(card["card_kind"])
                for title in (kind.title_en, kind.title_zh) if kind else ():
                    shown = shown.replace(title, "")
                assert len(re.findall(r"(?<![A-Za-z])[A-Z0-9](?![A-Za-z])", shown)) <= 2
                assert not re.search(r"\d{2,}", shown)


def test_hints_do_not_depend_on_whether_a_card_was_seen() -> None:
    card = GOOD | {"card_secret": "135792O68013"}
    before = check(card).hints
    for _ in range(3):
        intake_one(card, key=KEY)
        check(card, doubt=True)
    assert check(card).hints == before


def test_good_cards_of_every_kind_raise_no_question() -> None:
    rng = np.random.default_rng(32)
    for kind in KINDS.values():
        for _ in range(20):
            codes = [code_of(rng, shape) if shape else None for shape in (kind.number, kind.secret)]
            card = {"card_kind": kind.name, "card_no": codes[0], "card_secret": codes[1]}
            assert not check(card), kind.name


@pytest.mark.parametrize("bad", [None, 7, "text"])
def test_what_is_no_card_is_refused(bad: object) -> None:
    with pytest.raises(InputError, match="expected a mapping"):
        check(bad)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected one of \('en', 'zh'\), got 'fr'"):
        check(GOOD, language="fr")


def positions(hints: Hints) -> set[tuple[str, int]]:
    return {(hint.field, at) for hint in hints.hints for at in hint.positions}


def hit_rates(count: int, doubt: bool) -> dict[str, tuple[int, float, float, float]]:
    """Per kind of planted error: cards, share with a positioned hint, hit rate, and chance level.

    Hit: a hinted position is a wrong one. Chance: as many positions drawn without repeat from the whole card.
    """
    rng = np.random.default_rng([33, doubt])
    found = defaultdict(list)
    kinds = [kind for kind in KINDS.values() if kind.secret is not None]
    for _ in range(count):
        kind = kinds[int(rng.integers(len(kinds)))]
        codes, alphabets = {}, {}
        for field in FIELDS:
            shape = getattr(kind, field)
            if shape is not None:
                alphabets[field] = ALNUM[:10] if shape.alphabet == "digits" or shape.letters_first else ALNUM
                codes[field] = code_of(rng, shape)
        field = list(codes)[int(rng.integers(len(codes)))]
        planted = plant(rng, codes[field], alphabets[field])
        codes[field] = planted.text
        hints = check(
            {"card_kind": kind.name, "card_no": codes.get("number"), "card_secret": codes["secret"]}, doubt=doubt
        )
        asked, total = positions(hints), sum(map(len, codes.values()))
        wrong = {(field, at) for at in planted.positions}
        miss = np.prod([(total - len(wrong) - k) / (total - k) for k in range(len(asked))])
        found[planted.error].append((bool(asked), bool(asked & wrong), 1.0 - miss))
        found["all"].append(found[planted.error][-1])
    return {error: (len(rows), *np.mean(rows, axis=0)) for error, rows in found.items()}


def test_hinted_positions_hold_the_true_error_more_often_than_chance(full_or) -> None:
    """The rates are printed (``pytest -s``): the share of cards with a positioned hint, hits, and chance."""
    for doubt in (False, True):
        rates = hit_rates(full_or(40_000, 2_500), doubt)
        for error, (count, asked, hit, chance) in sorted(rates.items()):
            print(f"doubt={doubt!s:5} {error:13} n={count:6} asked {asked:.3f} hit {hit:.3f} chance {chance:.3f}")
        assert rates["all"][2] > rates["all"][3]
        assert rates["stray"][2] > 0.9
    assert rates["substitution"][2] > 1.3 * rates["substitution"][3]


def test_cards_may_go_by_the_names_and_words_of_exports() -> None:
    said = list(check(GOOD | {"card_secret": "135792O68013"}))
    exported = {"卡号": GOOD["card_no"], "卡密": "135792O68013"}
    for word in ("Q币", "qq", "腾讯Q币卡", "ｑｑ卡"):
        assert list(check(exported | {"卡种": word})) == said
    assert list(check_text(f"{GOOD['card_no']} 135792O68013", kind="Q币")[0]) == said
    assert list(check(GOOD | {"卡密": "135792O68013", "卡种": "移动"})) == []
    assert list(check({None: 1, 5: 2, "": "x"})) == []
