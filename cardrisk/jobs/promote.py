"""Compare champion and challenger on a matured window and move the alias, or give it back."""

import sys
import warnings

from cardrisk.errors import InputError
from cardrisk.facts import MATURITY
from cardrisk.jobs.data import read_data, read_history, read_propensity
from cardrisk.jobs.progress import Steps


def run(
    *,
    name: str,
    data: str | None,
    history: str | None,
    margin: float,
    rollback: bool,
    store: str | None,
    tz: str | None,
    maturity: float = MATURITY.value,
    propensity: str | None = None,
) -> int:
    """Promote the challenger if it is better, or roll back; say which and why in one line.

    Returns
    -------
    int
        0 the alias moved, 1 it stayed.

    Raises
    ------
    InputError
        Neither a window to compare on nor a rollback is asked for.
    ModelError
        An alias names no version.
    """
    from cardrisk import registry

    if rollback:
        back = registry.rollback(name, store=store)
        sys.stdout.write(f"{name}: champion is version {back.champion} again, it was {back.replaced}\n")
        return 0
    if data is None:
        raise InputError("expected a matured window to compare on: --data DATA (or --rollback), got neither")
    steps = Steps(2)
    with steps.step("read"):
        tables, past, chances = read_data(data), read_history(history), read_propensity(propensity)
    with steps.step(f"compare on {len(tables.submissions):,} cards"), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", registry.StabilityWarning)
        found = registry.promote(
            name,
            tables.submissions,
            tables.outcomes,
            history=past,
            margin=margin,
            maturity=maturity,
            propensity=chances,
            store=store,
            tz=tz,
        )
    for warning in said:
        sys.stderr.write(f"warning: {warning.message}\n")
    sys.stdout.write(f"{name} version {found.challenger} against champion {found.champion}: {found.why}\n")
    return 0 if found.moved else 1
