"""A past decision taken again, from its record.

Correct when the same bundle, the recorded features and the recorded costs give every field of the answer to the bit;
and, where the journal still holds what was known at the time, the features follow from it to the bit.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cardrisk._version import __version__
from cardrisk.errors import FeatureMismatchError, ModelError, StoreError
from cardrisk.features.stores.base import Store, open_store
from cardrisk.policy import Costs
from cardrisk.risk import RiskModel
from cardrisk.risk.bundle import content_digest
from cardrisk.scoring.admit import as_of
from cardrisk.scoring.judge import Judge
from cardrisk.scoring.ledger import open_ledger
from cardrisk.scoring.record import Context, Record
from cardrisk.scoring.result import Score

FIELDS: Final = ("p_fail", "causes", "cause", "decision", "expected_loss", "propensity", "reasons")


@dataclass(frozen=True)
class Replayed:
    """What taking a decision again gave.

    Attributes
    ----------
    given, again
        The answer of then and the answer of now.
    differs
        Fields of the answer that differ; empty where every bit is the same.
    moved
        Number features that the journal gives differently now; None where it was not asked. Forgetting a person
        or trimming the journal may move them; the decision itself rests on the recorded ones.
    version, version_then
        Versions of this library.
    """

    given: Score
    again: Score
    differs: tuple[str, ...]
    moved: tuple[str, ...] | None
    version: str
    version_then: str

    @property
    def same(self) -> bool:
        """Whether the decision is the same in every bit."""
        return not self.differs


def find(submission_id: str, url: str) -> tuple[Record, Context] | None:
    """Look a decision up in a store, without a model.

    Parameters
    ----------
    submission_id
        The card.
    url
        The store's URL: SQLite or Redis.

    Raises
    ------
    StoreError
        The store cannot be read, or is a file that does not exist.
    """
    file = Path(url.removeprefix("sqlite:///").partition("?")[0])
    if url.startswith("sqlite:///") and not file.exists():  # a mistyped name must not leave an empty store behind
        raise StoreError(f"expected a store that holds decisions, got {file.name!r}: no such file")
    store = open_store(url)
    ledger = open_ledger(store, url)
    try:
        record = ledger.find(submission_id)
        context = None if record is None else ledger.context(record.context)
    finally:
        ledger.close()
        store.close()
    return None if record is None or context is None else (record, context)


def replay(record: Record, context: Context, model: RiskModel, *, store: Store | None = None) -> Replayed:
    """Take a decision again.

    Parameters
    ----------
    record, context
        As :meth:`cardrisk.Scorer.record` and :func:`find` give them.
    model
        The model that decided.
    store
        History from which the features are made again too; None: the recorded ones are used alone.

    Raises
    ------
    ModelError
        It is another model, or its features are defined differently now.
    StoreError
        The history does not hold the card.
    """
    digest = content_digest(model.files)
    if digest != context.bundle:
        raise ModelError(f"expected the bundle {context.bundle[:12]} that decided, got {digest[:12]}; give that one")
    if model.features.digest != context.features:
        raise FeatureMismatchError(
            f"the features are defined differently than when cardrisk {context.version} decided; use that version"
        )
    judge = Judge(model, Costs.from_dict(dict(context.costs)), context.reasons, context.language)
    again = judge.score(record.card, record.numbers)
    differs = tuple(name for name in FIELDS if getattr(again, name) != getattr(record.score, name))
    moved = None
    if store is not None:
        _, row, _ = as_of(record.card["submission_id"], model.features, store)
        now, then = row.view("u8"), record.numbers.view("u8")
        moved = tuple(name for name, a, b in zip(context.names, now, then, strict=True) if a != b)
    return Replayed(record.score, again, differs, moved, __version__, context.version)
