"""Take a past decision again and say whether every bit is the same."""

import sys

from cardrisk.errors import InputError


def run(*, submission: str, store: str, model: str | None, history: bool) -> int:
    """Print the decision of then and of now.

    Parameters
    ----------
    submission
        ``submission_id`` of the card.
    store
        URL of the store that holds the record.
    model
        The bundle that decided; None: the default one.
    history
        Whether the features are made again from the journal too.

    Returns
    -------
    int
        0 the same in every bit, 1 something differs.

    Raises
    ------
    InputError
        There is no record of this card.
    ModelError
        It is another model.
    StoreError
        The store cannot be read.
    """
    from cardrisk.features.stores.base import open_store
    from cardrisk.risk import load_model
    from cardrisk.scoring.replay import find, replay

    found = find(submission, store)
    if found is None:
        raise InputError("expected a decision on this submission_id in the store, found none; check both")
    journal = open_store(store) if history else None
    try:
        done = replay(*found, load_model(model), store=journal)
    finally:
        if journal is not None:
            journal.close()
    given = done.given
    sys.stdout.write(
        f"then (cardrisk {done.version_then}): {given.decision}, p_fail {given.p_fail!r}, model {given.model_version}\n"
        f"now  (cardrisk {done.version}): {done.again.decision}, p_fail {done.again.p_fail!r}\n"
    )
    sys.stdout.write("the same in every bit\n" if done.same else f"differs: {', '.join(done.differs)}\n")
    if done.moved is not None:
        said = f"{len(done.moved)} features differ: {', '.join(done.moved[:10])}" if done.moved else "the same features"
        sys.stdout.write(f"from the journal: {said}\n")
    return 0 if done.same and not done.moved else 1
