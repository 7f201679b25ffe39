"""The intake boundary: a card's number and secret go in; coarse facts, hints and keyed tokens come out.

Correct when nothing that leaves holds a code, a part of one, or anything an attacker without the key could turn
back into one.
"""

from cardrisk.codes.anomalies import ANOMALIES, Anomaly
from cardrisk.codes.intake import RAW, TOKENS, Intake, NoKeyWarning, intake, intake_one
from cardrisk.codes.keys import Key, KeyRing, KeySource
from cardrisk.codes.sealed import Secret

__all__ = [
    "ANOMALIES",
    "RAW",
    "TOKENS",
    "Anomaly",
    "Intake",
    "Key",
    "KeyRing",
    "KeySource",
    "NoKeyWarning",
    "Secret",
    "intake",
    "intake_one",
]
