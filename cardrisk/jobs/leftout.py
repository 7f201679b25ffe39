"""Rows that a job's tables lost on the way in: told in one line, named in a file beside the job's output.

Correct means: whatever a table that is learnt from or measured on leaves out is said on standard error, and the file
names every such row, once, with the rule it broke and no secret.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cardrisk._later import pd
from cardrisk.errors import QuarantineWarning, TrainingWarning
from cardrisk.tables import quarantine


class LeftOut:
    """What was left out so far."""

    def __init__(self) -> None:
        self.found: list[QuarantineWarning] = []

    def write(self, out: str | None) -> int:
        """Name the rows in ``OUT.quarantine``, where there is an output.

        Returns
        -------
        int
            0 nothing was left out, 1 something was.
        """
        frames = [said.quarantined.assign(table=said.table) for said in self.found if said.quarantined is not None]
        if frames and out is not None:
            target = Path(out)
            named = pd.concat(frames, ignore_index=True)
            quarantine.write(named, target.with_name(f"{target.name}.quarantine"))
        return 1 if frames else 0


@contextmanager
def left_out() -> Iterator[LeftOut]:
    """Catch what tables leave out while the body runs, and say it as it happens; so with doubts about training."""
    told, seen = LeftOut(), set()
    with warnings.catch_warnings():
        for told_here in (QuarantineWarning, TrainingWarning):
            warnings.simplefilter("always", told_here)
        before = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: object, **more: object) -> None:
            if not isinstance(message, QuarantineWarning | TrainingWarning):
                before(message, category, *place, **more)  # type: ignore[arg-type]
            elif str(message) not in seen:
                seen.add(str(message))
                if isinstance(message, QuarantineWarning):
                    told.found.append(message)
                sys.stderr.write(f"warning: {message}\n")

        warnings.showwarning = show
        yield told
