"""Write a synthetic world to a folder and say how its rates stand beside the document's bands."""

import sys

from cardrisk.facts import CHANNELS


def run(
    *,
    days: int,
    scale: float,
    seed: int,
    start: str | None,
    screening: str,
    scenario: str | None,
    workers: int,
    out: str,
) -> int:
    """Generate into the folder ``out``.

    Returns
    -------
    int
        0.

    Raises
    ------
    ScenarioError
        The world contradicts itself; nothing is written.
    """
    from tqdm import tqdm

    from cardrisk.world import write
    from cardrisk.world.scenario import read

    more = {} if start is None else {"start": start}
    chosen = None if scenario is None else read(scenario)
    with tqdm(total=days, unit="day", disable=not sys.stderr.isatty(), leave=False) as bar:
        manifest = write(
            out,
            days,
            scale,
            seed,
            screening=screening,  # type: ignore[arg-type]  # argparse allows these two alone
            scenario=chosen,
            workers=workers,
            progress=lambda done: bar.update(done - bar.n),
            **more,  # type: ignore[arg-type]
        )
    rows = manifest["rows"]
    sys.stdout.write(f"{out}: " + ", ".join(f"{count:,} {name}" for name, count in rows.items()) + "\n")
    for name, channel in CHANNELS.items():
        low, high = channel.failure_band
        found = manifest["channels"].get(name)
        if found is not None and screening == "activated":
            sys.stdout.write(f"  {name}: {found['failure_rate']:.1%} failed, document {low:.0%} to {high:.0%}\n")
    return 0
