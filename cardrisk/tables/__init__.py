"""Contracts of submissions and outcomes: what a table must be before anything else sees it."""

from cardrisk.tables import money, quarantine
from cardrisk.tables.atomic import atomic_write, atomic_writes
from cardrisk.tables.batchtext import read_batch
from cardrisk.tables.check import Checked, check, check_outcomes, check_submissions, known_at, pair
from cardrisk.tables.contracts import OUTCOMES, SUBMISSIONS, Column, Contract
from cardrisk.tables.one import Rejected, check_one, check_one_outcome, frame_of, id_of, known_at_one
from cardrisk.tables.read import read_cards, read_frame, read_table
from cardrisk.tables.rules import DATED_AHEAD, RULES

__all__ = [
    "DATED_AHEAD",
    "OUTCOMES",
    "RULES",
    "SUBMISSIONS",
    "Checked",
    "Column",
    "Contract",
    "Rejected",
    "atomic_write",
    "atomic_writes",
    "check",
    "check_one",
    "check_one_outcome",
    "check_outcomes",
    "check_submissions",
    "frame_of",
    "id_of",
    "known_at",
    "known_at_one",
    "money",
    "pair",
    "quarantine",
    "read_batch",
    "read_cards",
    "read_frame",
    "read_table",
]
