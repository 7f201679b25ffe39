"""Mistyped or scratched: the code that comes in is not the code on the card (C14).

Correct when the text of a struck card differs from the true code and of a spared card does not, and when the share
of texts that break their kind's shape is exactly the chance that :func:`cardrisk.world.spoiling.breaking` states.
"""

import numpy as np

from cardrisk import facts
from cardrisk.world import batches, people
from cardrisk.world.cards import Group
from cardrisk.world.causes._base import bayes
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array
from cardrisk.world.rates import CHANNEL_NAMES, INTRINSIC, MOST
from cardrisk.world.spoiling import BREAKING, breaking, choose

NAME = "mistyped"


def _grid(ground: Ground, channel: int) -> tuple[Array, Array]:
    """Return the relative risks of a channel's cards that are not forged, and their shares (summing to 1)."""
    name = CHANNEL_NAMES[channel]
    forged = ground.stock[channel, INTRINSIC.index("forged")]
    retail = facts.RETAIL_SHARE.value[name] * (1.0 - ground.stock[channel].sum())
    points, weights = np.polynomial.hermite_e.hermegauss(9)
    weights = weights / weights.sum()
    blurs = np.exp(-facts.PHOTO_RISK.value * facts.PHOTO_QUALITY.value[1] * points)
    persons = np.exp(people.PERSON_CARE_SPREAD * points - people.PERSON_CARE_SPREAD**2 / 2.0)
    shares = facts.PHYSICAL_SHARE.value[name]
    risks, parts = [], []
    for flow, share in (("retail", retail), ("resale", 1.0 - forged - retail)):
        care, of_care = persons, weights
        if flow == "resale" or name == "offline":
            rare, careless, careful = batches.care_of_stores() if name == "offline" else people.care_of_resellers()
            care, of_care = np.array([careless, careful]), np.array([rare, 1.0 - rare])
        for method, part in facts.ENTRY_MIX.value[name][flow].items():
            blur, of_blur = (blurs, weights) if method == "photo" else (np.ones(1), np.ones(1))
            for medium, of_medium in (("physical", shares), ("electronic", 1.0 - shares)):
                risk = facts.TYPING_RISK.value[method] * facts.PHYSICAL_TYPING_RISK.value[medium]
                risks.append((risk * blur[:, None] * care).ravel())
                parts.append((share * part * of_medium * of_blur[:, None] * of_care).ravel())
    share_of = np.concatenate(parts)
    return np.concatenate(risks), share_of / share_of.sum()


def bases(ground: Ground) -> Array:
    """Return the chance at relative risk 1, per channel: it keeps the wanted mean although no chance tops ``MOST``."""
    wanted = ground.background[:, INTRINSIC.index(NAME)]
    out = np.zeros(len(CHANNEL_NAMES))
    for channel in range(len(CHANNEL_NAMES)):
        risk, share = _grid(ground, channel)
        low, high = 0.0, 1.0 / risk[share > 0].min()
        for _ in range(40):
            middle = (low + high) / 2.0
            if np.dot(share, np.minimum(middle * risk, MOST)) < wanted[channel]:
                low = middle
            else:
                high = middle
        out[channel] = high
    return out


def chance(ground: Ground, group: Group) -> Array:
    """Return the chance of a spoilt code: who types, how, from what, through which photo."""
    cards, risks = group.cards, facts.PHYSICAL_TYPING_RISK.value
    entry = np.array([facts.TYPING_RISK.value[method] for method in facts.ENTRY_METHODS])[cards.entry]
    medium = np.where(cards.physical, risks["physical"], risks["electronic"])
    usual = facts.PHOTO_QUALITY.value[0]
    blur = np.exp(facts.PHOTO_RISK.value * (usual - np.nan_to_num(cards.quality, nan=usual)))
    care = group.batches.care[cards.batch]
    return np.asarray(np.minimum(bases(ground)[cards.channel] * entry * medium * blur * care, MOST))


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Decide how each struck card is spoilt; the texts are made when codes are written."""
    group.cards.error, group.cards.in_secret = choose(ground, group, struck, rng)
    group.cards.broken = np.isin(group.cards.error, BREAKING)


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return ``chance`` after the shape: a broken one is certain, a whole one speaks for the card."""
    whole = bayes(chance, 1.0 - breaking(ground, group), 1.0)
    return np.where(group.cards.broken, 1.0, whole)
