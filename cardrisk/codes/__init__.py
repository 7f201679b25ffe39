"""The intake boundary: a card's number and secret go in; coarse facts, hints and keyed tokens come out.

Correct when nothing that leaves holds a code, a part of one, or anything an attacker without the key could turn
back into one.
"""

from cardrisk.codes import uniformity
from cardrisk.codes.anomalies import ANOMALIES, Anomaly
from cardrisk.codes.boundary import RAW
from cardrisk.codes.gate import Intake, NoKeyWarning, intake, intake_one
from cardrisk.codes.hints import Hint, Hints, check
from cardrisk.codes.keys import Key, KeyRing, KeySource
from cardrisk.codes.limits import CallerLimit
from cardrisk.codes.rotation import rekey, translation
from cardrisk.codes.sealed import Secret
from cardrisk.codes.shapes import kinds_of_shape
from cardrisk.codes.text import check_text, read_batch
from cardrisk.codes.tokens import TOKENS

__all__ = [
    "ANOMALIES",
    "RAW",
    "TOKENS",
    "Anomaly",
    "CallerLimit",
    "Hint",
    "Hints",
    "Intake",
    "Key",
    "KeyRing",
    "KeySource",
    "NoKeyWarning",
    "Secret",
    "check",
    "check_text",
    "intake",
    "intake_one",
    "kinds_of_shape",
    "read_batch",
    "rekey",
    "translation",
    "uniformity",
]
