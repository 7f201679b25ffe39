"""The p-values are calibrated: exact tails, geometric bits, and no more false alarms than promised."""

from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cardrisk.codes import Intake
from cardrisk.codes.uniformity import ALPHABETS, MOST_BITS, p_value, surprise, tail_tables, upper_tails
from tests.codes.cards import ALNUM, KEY, uniform
from tests.oracles import codes as oracle

ERROR_RATE = 1e-6
"""Chance that one of this module's statistical tests fails though the code is right (each is given a tenth)."""


@pytest.mark.parametrize(("symbols", "length"), [(2, 8), (3, 7), (4, 6), (10, 4)])
def test_tails_equal_counting_every_code(symbols: int, length: int) -> None:
    expected = oracle.upper_tail(length, "0123456789"[:symbols])
    got = upper_tails(symbols)[length]
    for pairs, tail in expected.items():
        assert got[pairs] == pytest.approx(float(tail), rel=1e-12, abs=0)


def test_the_file_holds_what_is_worked_out() -> None:
    """To a few parts in 10**15: what powers and factorials give in the last bits is the machine's."""
    for table, symbols in zip(tail_tables(), ALPHABETS, strict=True):
        np.testing.assert_allclose(table, upper_tails(symbols), rtol=1e-14, atol=0)


def test_tails_have_the_known_mean() -> None:
    for row, symbols in enumerate((10, 36)):
        means = tail_tables()[row][:, 1:].sum(axis=1)
        expected = [comb(length, 2) / symbols for length in range(27)]
        assert means == pytest.approx(expected, rel=1e-12)


def bits_of(secrets: list[str], kind: str) -> np.ndarray:
    cards = pd.DataFrame({"card_kind": kind, "card_secret": secrets})
    return Intake(KEY).frame(cards)["code_secret_surprise"].to_numpy()


@pytest.mark.parametrize(("kind", "length"), [("zhengtu", 8), ("junnet", 16), ("jd_ecard", 16), ("netease", 9)])
def test_bits_of_uniform_secrets_are_geometric(kind: str, length: int, full_or) -> None:
    rng = np.random.default_rng([3, length])
    alphabet = ALNUM[: 36 if kind == "jd_ecard" else 10]
    count = full_or(1_000_000, 60_000)
    bits = bits_of(uniform(rng, count, length, alphabet), kind)
    observed = np.bincount(np.minimum(bits, 8).astype(int), minlength=9)
    expected = count * np.array([2.0 ** -(b + 1) for b in range(8)] + [2.0**-8])
    assert stats.chisquare(observed, expected).pvalue > ERROR_RATE / 10
    assert bits.max() <= MOST_BITS


@pytest.mark.parametrize("cards", [1, 5, 50])
def test_false_alarms_of_honest_batches_keep_to_their_rate(cards: int) -> None:
    rng = np.random.default_rng([4, cards])
    batches = 60_000 // cards
    bits = bits_of(uniform(rng, batches * cards, 12, "0123456789"), "qq").reshape(batches, cards)
    p = p_value(bits.sum(axis=1), cards)
    for level in (0.5, 0.1, 0.01, 0.001):
        reachable = p_value(np.arange(0, 12 * cards + 1), cards)
        promised = reachable[reachable <= level].max(initial=0.0)
        alarms = int((p <= level).sum())
        low, high = stats.binom.interval(1 - ERROR_RATE / 120, batches, promised)
        assert low <= alarms <= high


@pytest.mark.parametrize(("alphabet", "cards"), [("01234567", 200), ("0123", 12), ("00123456789", 3_000)])
def test_sloppy_forgers_are_seen(alphabet: str, cards: int) -> None:
    rng = np.random.default_rng([5, cards])
    bits = bits_of(uniform(rng, cards, 12, alphabet), "qq")
    assert p_value(bits.sum(), cards) < 1e-4


def test_a_fixed_prefix_of_different_digits_is_not_seen_as_documented() -> None:
    rng = np.random.default_rng(6)
    bits = bits_of(["4271" + tail for tail in uniform(rng, 200, 8, "0123456789")], "qq")
    assert p_value(bits.sum(), 200) > 0.01


def test_p_value_is_the_negative_binomial_tail() -> None:
    for cards in (1, 2, 7, 40):
        sums = np.arange(0, 200)
        assert p_value(sums, cards) == pytest.approx(stats.nbinom.sf(sums - 1, cards, 0.5), rel=1e-10)


def test_nothing_known_is_no_evidence() -> None:
    assert p_value(0, 0) == 1.0
    assert np.isnan(p_value(np.nan, 3))
    assert surprise([0, 12], [4, 1]) == pytest.approx([0.0, 12 * np.log10(2)])
    assert np.isfinite(surprise(12_000, 1_000))


def test_the_same_secret_always_reads_the_same_and_odd_ones_are_not_read() -> None:
    same = bits_of(["123456123456"] * 3 + ["12345612345?", "12345612345X", "12345"], "qq")
    assert len(set(same[:3])) == 1
    assert np.isnan(same[3:]).all()
