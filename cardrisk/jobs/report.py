"""Write one HTML page: how good a model is on a DATA folder."""

import sys
from pathlib import Path
from typing import Final

from cardrisk.errors import InputError
from cardrisk.jobs.evaluate import measure

PAGES: Final = (".html", ".htm")


def run(*, model: str, data: str, history: str | None, tz: str | None, out: str) -> int:
    """Evaluate and write the page, whole.

    Returns
    -------
    int
        0.

    Raises
    ------
    InputError
        ``out`` is not named as a page is.
    """
    if Path(out).suffix.lower() not in PAGES:
        raise InputError(f"--out: expected a name ending in {' or '.join(PAGES)}, got {Path(out).name!r}")
    from cardrisk.pictures import evaluation_pictures
    from cardrisk.report import Section, page
    from cardrisk.tables import atomic_write

    report = measure(model, data, history, tz)
    titles = {"summary": "Measures", "segments": "Segments", "causes": "Causes", "incidents": "Incidents"}
    pictures = {name.replace("_", " and ").capitalize(): drawn for name, drawn in evaluation_pictures(report).items()}
    sections = [Section("Pictures", "Every card scored from what was known when it came in.", pictures=pictures)]
    sections += [
        Section(title, table=report.frames[name]) for name, title in titles.items() if len(report.frames[name])
    ]
    with atomic_write(out) as scratch:
        scratch.write_text(page(f"Model {Path(model).name} on {Path(data).name}", sections), encoding="utf-8")
    sys.stdout.write(f"{out}\n")
    return 0
