"""Mistyped or scratched: the code that comes in is not the code on the card (C14).

Correct when the text of a struck card differs from the true code and of a spared card does not, and when the share
of texts that break their kind's shape is exactly the chance that :func:`cardrisk.world.spoiling.breaking` states.
"""

import numpy as np

from cardrisk import facts
from cardrisk.world.cards import Group
from cardrisk.world.causes._base import bayes
from cardrisk.world.ground import Ground
from cardrisk.world.hashing import Array
from cardrisk.world.rates import CHANNEL_NAMES, INTRINSIC, MOST
from cardrisk.world.spoiling import BREAKING, breaking, choose

NAME = "mistyped"


def _mean_risk(ground: Ground) -> Array:
    """Return the mean relative risk of each channel's cards that are not forged, from the mixes they are drawn by."""
    spread = facts.PHOTO_RISK.value * facts.PHOTO_QUALITY.value[1]
    out = np.zeros(len(CHANNEL_NAMES))
    forged = ground.stock[:, INTRINSIC.index("forged")]
    for index, name in enumerate(CHANNEL_NAMES):
        retail = facts.RETAIL_SHARE.value[name] * (1.0 - ground.stock[index].sum())
        mean = 0.0
        for flow, share in (("retail", retail), ("resale", 1.0 - forged[index] - retail)):
            for method, part in facts.ENTRY_MIX.value[name][flow].items():
                blur = np.exp(spread**2 / 2.0) if method == "photo" else 1.0
                mean += share * part * facts.TYPING_RISK.value[method] * blur
        physical, risks = facts.PHYSICAL_SHARE.value[name], facts.PHYSICAL_TYPING_RISK.value
        mean *= physical * risks["physical"] + (1.0 - physical) * risks["electronic"]
        out[index] = mean / (1.0 - forged[index])
    return out


def chance(ground: Ground, group: Group) -> Array:
    """Return the chance of a spoilt code: who types, how, from what, through which photo."""
    cards, risks = group.cards, facts.PHYSICAL_TYPING_RISK.value
    base = ground.background[:, INTRINSIC.index(NAME)] / _mean_risk(ground)
    entry = np.array([facts.TYPING_RISK.value[method] for method in facts.ENTRY_METHODS])[cards.entry]
    medium = np.where(cards.physical, risks["physical"], risks["electronic"])
    usual = facts.PHOTO_QUALITY.value[0]
    blur = np.exp(facts.PHOTO_RISK.value * (usual - np.nan_to_num(cards.quality, nan=usual)))
    care = group.batches.care[cards.batch]
    return np.asarray(np.minimum(base[cards.channel] * entry * medium * blur * care, MOST))


def act(ground: Ground, group: Group, struck: Array, rng: np.random.Generator) -> None:
    """Decide how each struck card is spoilt; the texts are made when codes are written."""
    group.cards.error, group.cards.in_secret = choose(ground, group, struck, rng)
    group.cards.broken = np.isin(group.cards.error, BREAKING)


def seen(ground: Ground, group: Group, chance: Array, struck: Array) -> Array:
    """Return ``chance`` after the shape: a broken one is certain, a whole one speaks for the card."""
    whole = bayes(chance, 1.0 - breaking(ground, group), 1.0)
    return np.where(group.cards.broken, 1.0, whole)
