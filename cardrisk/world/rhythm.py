"""When cards come in: holidays, weekdays, hours.

Correct when the volume over whole years is the document's: weekday weights average 1 and holidays are extra.
"""

import numpy as np

from cardrisk import facts
from cardrisk.world.hashing import Array, pick
from cardrisk.world.rates import CHANNEL_NAMES


def volume(date: np.datetime64) -> Array:
    """Return each channel's volume on ``date`` relative to its average day, float64 of shape (channels,)."""
    weekday = int((date.astype("datetime64[D]").astype(np.int64) + 3) % 7)
    week = np.array([facts.WEEK_WEIGHTS.value[name][weekday] for name in CHANNEL_NAMES])
    month_day = str(date)[5:10]
    holiday = next((v for first, last, v in facts.HOLIDAYS.value if first <= month_day <= last), 1.0)
    return np.asarray(week * holiday)


def seconds(channel: Array, draws: Array) -> Array:
    """Return moments in the day, float64 seconds after midnight UTC.

    Parameters
    ----------
    channel
        Index of each event's channel.
    draws
        Uniform float64 of shape (events, 2): the hour and the place inside it.
    """
    out = np.empty(len(channel))
    for index, name in enumerate(CHANNEL_NAMES):
        here = channel == index
        hours = pick(np.array(facts.HOUR_WEIGHTS.value[name]), draws[here, 0])
        out[here] = (hours + draws[here, 1]) * 3_600.0
    return out
