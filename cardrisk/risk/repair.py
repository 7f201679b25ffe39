"""Real causes behind what gateways say: soft causes for the failed cards that people did not look at.

Correctness: the causes of a card sum to 1; a card whose cause people found keeps it; nothing but what was known by
the moment of training is used. The estimate is expectation-maximisation for labels from a noisy channel (Dawid &
Skene 1979): p(real | card) comes from small trees over the card's features and over how its batch, supplier and
submitter fared *afterwards* (labels may look back, features may not), p(code and cause said | real) from counts
that begin with what is published: gateways answer "already used" for forged cards (C13), read cards as invalid when an
address submits too fast (C8), and have one message for a wrong secret and no balance.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cardrisk.facts import CAUSE_SHARES, CAUSES
from cardrisk.risk import boost
from cardrisk.risk.boost import Settings
from cardrisk.risk.causes import softmax
from cardrisk.risk.encode import Matrix
from cardrisk.risk.labels import MANUAL, NO_CODE, UNSAID, Labels
from cardrisk.risk.trees import parse

Floats = npt.NDArray[np.float64]

ROUNDS: Final = 4
"""On three worlds of 286,000 cards the likeliest cause is right on .946 to .949 of the cards that people did not look
at, and a model that learnt from them is .005 to .010 behind one on true causes; with two rounds, no codes and found
causes weighing 1, the same figures are .873 to .882, and .018 to .037."""

FOUND_WEIGHT: Final = 3.0
"""Cards with an estimated cause that one whose cause people found outweighs."""

FEW: Final = 20
"""Cards a gateway's code needs to be told from others."""

MOST: Final = 20_000
"""Failed cards from which one half's trees learn; more of them cost time and change little."""

MIN_FOUND: Final = 20
"""Fewest failed cards whose cause people found; below, what was said is taken as it is."""

SMALLEST: Final = 0.03
"""Shares of a cause below this are left out, so that a card becomes two or three rows, not thirteen."""

_PRIOR_CARDS: Final = 40.0
_SILENT: Final = len(CAUSES)
_PLACE: Final = {cause: place for place, cause in enumerate(CAUSES)}

_OFTEN_SAID: Final = {
    "forged": {"already_used": 12.0, "mistyped": 2.0},
    "mistyped": {"bad_format": 5.0, "forged": 2.0},
    "insufficient_balance": {"mistyped": 4.0},
    "rate_limited": {"forged": 5.0, "mistyped": 2.0},
    "bound_to_account": {"already_used": 1.0},
}
"""Prior counts of what is said instead of the real cause (C8, C13, pub), beside 8 for the cause itself."""


def soft_causes(matrix: Matrix, labels: Labels, groups: pd.DataFrame, settings: Settings) -> Floats:
    """Estimate the real causes of failed cards.

    Parameters
    ----------
    matrix
        float32 (cards, features): the failed cards' features.
    labels
        Their labels as of the moment of training; all failed.
    groups
        Same rows: how the cards' entities fared (`hindsight`).
    settings
        How to grow the trees.

    Returns
    -------
    numpy.ndarray
        float64 (cards, causes), rows sum to 1; zero rows where no cause was said and none can be told.
    """
    said = np.where(labels.cause >= 0, labels.cause, _SILENT)
    found = (labels.source > 1) & (labels.cause >= 0)
    if found.sum() < MIN_FOUND or (labels.source == UNSAID).all():
        return _as_said(said)
    seen = np.column_stack([matrix, groups.to_numpy(np.float32)])
    word, usual = _words(said, labels.code, ~found)
    channel = usual
    prior = np.tile(_shares(labels), (len(said), 1))
    soft = np.where(found[:, None], _as_said(said), _posterior(prior, channel[:, word]))
    for number in range(ROUNDS):
        prior = _cross_fitted(seen, soft, found, settings, drawn=number < ROUNDS - 1)
        soft[~found] = _posterior(prior[~found], channel[:, word[~found]])
        channel = _channel(soft[~found], word[~found], usual)
    return soft


def hindsight(frame: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """How each card's batch, supplier's kind and submitter fared by the moment of training, without the card itself.

    Parameters
    ----------
    frame
        Labelled cards after intake.
    labels
        Their labels.

    Returns
    -------
    pandas.DataFrame
        Per entity float32: answered cards, failure share, share of failures that said "already used"; null where
        the entity is not known or has no other card.
    """
    used = (labels.cause == _PLACE["already_used"]).astype(np.float64)
    out = {}
    for columns in (("batch_id",), ("supplier_id", "card_kind"), ("submitter_id",), ("serial_block",)):
        if not set(columns) <= set(frame.columns):
            continue
        code = frame.groupby(list(columns), sort=False).ngroup().fillna(-1).to_numpy(np.intp)
        place, size = np.maximum(code, 0), int(code.max(initial=-1)) + 1
        known = code >= 0
        if not size:
            continue
        count, bad, same = (
            np.bincount(code[known], weight[known], size)[place] - weight
            for weight in (np.ones(len(code)), labels.failed, used)
        )
        name = "_".join(columns)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = {"answered": count, "failed": bad / count, "used": same / bad}
        for part, value in values.items():
            out[f"{name}_{part}"] = np.where(known & np.isfinite(value), value, np.nan).astype(np.float32)
    return pd.DataFrame(out, index=frame.index)


def rows_of(soft: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int16], Floats]:
    """Weighted rows of soft causes: (card, cause, weight), small shares left out."""
    card, cause = np.nonzero(soft >= SMALLEST)
    weight = soft[card, cause]
    total = np.bincount(card, weight, len(soft))
    return card, cause.astype(np.int16), weight / total[card]


def _as_said(said: npt.NDArray[np.int_]) -> Floats:
    return np.eye(len(CAUSES) + 1)[said][:, : len(CAUSES)]


def _channel_prior() -> Floats:
    """Prior counts (real, said): mostly the cause itself, a few others, now and then nothing."""
    counts = np.full((len(CAUSES), len(CAUSES) + 1), 0.1)
    counts[:, _SILENT] = 1.5
    np.fill_diagonal(counts[:, : len(CAUSES)], 8.0)
    for real, others in _OFTEN_SAID.items():
        for other, count in others.items():
            counts[_PLACE[real], _PLACE[other]] = count
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), np.float64)


def _words(
    said: npt.NDArray[np.int_], code: npt.NDArray[np.int32], heard: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.intp], Floats]:
    """What a gateway answered as one of a few words, and how often each is expected beside a real cause.

    A word is a cause together with the gateway's code: what a code means is told apart even where the mapping to
    causes lost it, or says one cause for many. ``heard`` are the cards whose words tell; codes of fewer than
    ``FEW`` of them count as none.

    Returns
    -------
    tuple
        Word per card, and float64 (causes, words): prior p(word | real), rows sum to 1.
    """
    place = np.where(heard, code, NO_CODE) + 1
    place[np.bincount(place)[place] < FEW] = 0
    codes = int(place.max()) + 1
    counts = np.full((len(CAUSES) + 1, codes), 1e-3)
    np.add.at(counts, (said[heard], place[heard]), 1.0)
    given = _channel_prior()
    share = counts / counts.sum(axis=1, keepdims=True)
    # a silent answer's code says what the same code says elsewhere
    joint = given[:, :, None] * share[None]
    joint[:, _SILENT] = given[:, [_SILENT]] * joint[:, :_SILENT].sum(axis=1) / (1.0 - given[:, [_SILENT]])
    words, word = np.unique(said * codes + place, return_inverse=True)
    prior = joint.reshape(len(CAUSES), -1)[:, words]
    return word, np.asarray(prior / prior.sum(axis=1, keepdims=True), np.float64)


def _channel(soft: Floats, word: npt.NDArray[np.intp], usual: Floats) -> Floats:
    """p(word | real) from estimated causes, moved towards what is usual."""
    counts = _PRIOR_CARDS * usual
    np.add.at(counts.T, word, soft)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), np.float64)


def _shares(labels: Labels) -> Floats:
    """Shares of real causes: the document's, moved by what people found on cards the gateway left open."""
    shares = CAUSE_SHARES.value
    joint = shares["bound_or_part_spent"] / 3
    prior = np.array([shares.get(cause, joint) for cause in CAUSES])
    # a gateway alone speaks of a bad format (the real cause is mistyping); people may still name it
    prior[_PLACE["bad_format"]] = 1e-3
    people = labels.cause[(labels.source == MANUAL) & (labels.cause >= 0)]
    counts = _PRIOR_CARDS * prior + np.bincount(people, minlength=len(CAUSES))
    return np.asarray(counts / counts.sum(), np.float64)


def _posterior(prior: Floats, heard: Floats) -> Floats:
    """p(real | card, word) of cards from p(real | card), (cards, causes), and p(word | real), (causes, cards)."""
    joint = prior * heard.T
    return np.asarray(joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300), np.float64)


def _cross_fitted(
    seen: Matrix, soft: Floats, found: npt.NDArray[np.bool_], settings: Settings, *, drawn: bool
) -> Floats:
    """p(real | card) from trees grown on the other half of the cards, so that no card confirms itself.

    ``drawn``: each card stands for one cause, drawn by its shares, instead of for every likely one by its share: a
    third of the rows (stochastic expectation-maximisation, Celeux & Diebolt 1985).
    """
    random = np.random.default_rng(settings.seed)
    half = random.permutation(len(soft)) % 2
    out = np.empty_like(soft)
    quick = replace(settings, params={"max_bin": 63, "feature_fraction": 0.3})
    for part in (0, 1):
        learnt = np.flatnonzero(half != part)[:MOST]
        card, cause, weight = _drawn(soft[learnt], random) if drawn else rows_of(soft[learnt])
        rows = learnt[card]
        weight = weight * np.where(found[rows], FOUND_WEIGHT, 1.0)
        classes, place = np.unique(cause, return_inverse=True)
        share = np.bincount(place, weight) / weight.sum()
        grown = boost.grow_cause(seen[rows], place, weight, settings=quick, rounds=6)
        scores = parse(grown.text).raw(seen[half == part]).reshape(-1, len(classes))
        inside = np.zeros((len(scores), len(CAUSES)))
        inside[:, classes] = 0.98 * softmax(scores) + 0.02 * share
        out[half == part] = inside + 1e-6
    return np.asarray(out / out.sum(axis=1, keepdims=True), np.float64)


def _drawn(soft: Floats, random: np.random.Generator) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int16], Floats]:
    """One row per card with a cause, as `rows_of` gives them."""
    card = np.flatnonzero(soft.sum(axis=1) > 0)
    edges = soft[card].cumsum(axis=1)
    at = random.random(len(card)) * edges[:, -1]
    cause = np.minimum((edges <= at[:, None]).sum(axis=1), len(CAUSES) - 1)
    return card, cause.astype(np.int16), np.ones(len(card))
