"""What a world is told to be: rates, volumes, mixes and incidents, in one value that fits in a small file.

Correct when a scenario that contradicts itself is refused before anything is made of it, and reading back what was
written gives an equal one.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from cardrisk import facts
from cardrisk.errors import ScenarioError, UnusableFileError
from cardrisk.kinds import FAMILIES, KINDS, CardKind
from cardrisk.kinds import load as load_kinds
from cardrisk.world import incidents as sorts
from cardrisk.world.ground import Ground, KindTable
from cardrisk.world.incidents import Incident
from cardrisk.world.rates import CHANNEL_NAMES, PRECEDENCE, Rates
from cardrisk.world.wanted import builtin, is_number, is_share, is_whole

DEFAULT_CALENDAR: Final[tuple[Incident, ...]] = (
    sorts.IssuerOutage(day=5, every=27),
    sorts.ForgedBatch(day=9, every=29),
    sorts.DoubleSell(day=11, every=31),
    sorts.Diversion(day=13, days=4, every=33),
    sorts.ExpiredBulk(day=16, every=30),
    sorts.VelocityTrip(day=18, every=26),
    sorts.RuleChange(day=20, days=4, every=35),
    sorts.DealerTampering(day=22, days=4, every=28),
)
"""Each document incident once a month or so."""

MOST_INCIDENTS: Final = 48
_SHARES: Final = ("cause_rates", "screening_stops", "family_mix")


def _copy(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in table.items()}


@dataclass(frozen=True)
class Scenario:
    """A world's settings; the defaults are the document's.

    Attributes
    ----------
    length
        Days of the calendar: at most so many can be generated.
    daily
        Cards that reach activation on an average day at ``scale=1``, by channel.
    cause_rates
        Share of those cards that fail, by channel and cause, outside incidents.
    failure_bands
        Lowest and highest share that may fail, by channel: the rates must add up to inside.
    screening_stops
        Share of cards that a platform stops before activation, by channel and true cause (``ok``, ``other``).
    family_mix
        Share of a channel's cards by family.
    incidents
        What stands out of the usual stream.
    kinds_file
        A platform's own card kinds (see :func:`cardrisk.kinds.load`); ``None`` for the built-in ones.
    """

    length: int = 366
    daily: dict[str, float] = field(
        default_factory=lambda: {name: float(channel.daily) for name, channel in facts.CHANNELS.items()}
    )
    cause_rates: dict[str, dict[str, float]] = field(default_factory=lambda: _copy(facts.CAUSE_RATES.value))
    failure_bands: dict[str, tuple[float, float]] = field(
        default_factory=lambda: {name: channel.failure_band for name, channel in facts.CHANNELS.items()}
    )
    screening_stops: dict[str, dict[str, float]] = field(default_factory=lambda: _copy(facts.SCREENING_STOPS.value))
    family_mix: dict[str, dict[str, float]] = field(default_factory=lambda: _copy(facts.FAMILY_MIX.value))
    incidents: tuple[Incident, ...] = DEFAULT_CALENDAR
    kinds_file: str | None = None

    def kinds(self) -> Mapping[str, CardKind]:
        """Return the kinds in circulation."""
        return KINDS if self.kinds_file is None else load_kinds(self.kinds_file)

    def ground(self, seed: int, scale: float, start: str, *, screened: bool = True) -> Ground:
        """Return the world's ground after checking the scenario.

        Raises
        ------
        ScenarioError
            The scenario contradicts itself.
        """
        check(self)
        return Ground(
            seed=seed,
            scale=scale,
            start=np.datetime64(start, "D"),
            kinds=KindTable.of(self.kinds()),
            rates=Rates(self.cause_rates, self.screening_stops),
            daily=self.daily,
            families=self.family_mix,
            incidents=self.incidents,
            screened=screened,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the scenario as plain values, incidents as a list of tables with their ``sort``."""
        out = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "incidents"}
        if out["kinds_file"] is None:
            del out["kinds_file"]
        out["incidents"] = [
            {"sort": item.NAME} | {name: value for name, value in asdict(item).items() if value is not None}
            for item in self.incidents
        ]
        return {name: builtin(value) for name, value in out.items()}


def check(scenario: Scenario) -> None:
    """Refuse a scenario that contradicts itself.

    Raises
    ------
    ScenarioError
        With what contradicts what.
    """
    if not isinstance(scenario, Scenario):
        raise ScenarioError(f"scenario: expected a cardrisk.world.Scenario, got {type(scenario).__name__}")
    if not is_whole(scenario.length) or scenario.length < 1:
        raise ScenarioError(f"length: expected 1 day or more, got {scenario.length!r}")
    for name in ("daily", "failure_bands", *_SHARES):
        if not isinstance(getattr(scenario, name), Mapping):
            raise ScenarioError(f"{name}: expected a table by channel, got {getattr(scenario, name)!r}")
        given = set(getattr(scenario, name))
        if given != set(CHANNEL_NAMES):
            raise ScenarioError(f"{name}: expected the channels {list(CHANNEL_NAMES)}, got {sorted(given)}")
    for name in _SHARES:
        for channel, shares in getattr(scenario, name).items():
            _check_shares(name, channel, shares)
    for channel in CHANNEL_NAMES:
        _check_channel(scenario, channel)
    _check_incidents(scenario)


def _check_incidents(scenario: Scenario) -> None:
    if not isinstance(scenario.incidents, (list, tuple)) or not all(
        isinstance(incident, Incident) for incident in scenario.incidents
    ):
        raise ScenarioError(f"incidents: expected a tuple of incidents, got {scenario.incidents!r}")
    if len(scenario.incidents) > MOST_INCIDENTS:
        raise ScenarioError(f"incidents: expected at most {MOST_INCIDENTS}, got {len(scenario.incidents)}")
    if scenario.kinds_file is not None and not isinstance(scenario.kinds_file, str):
        raise ScenarioError(f"kinds_file: expected the path of a file as a text, got {scenario.kinds_file!r}")
    kinds = scenario.kinds()
    for incident in scenario.incidents:
        incident.check(scenario.length, facts.CHANNELS, kinds)


def _check_shares(name: str, channel: str, shares: Mapping[str, float]) -> None:
    if not isinstance(shares, Mapping):
        raise ScenarioError(f"{name}.{channel}: expected a table of shares, got {shares!r}")
    known = {
        "cause_rates": set(PRECEDENCE),
        "screening_stops": {"ok", "other", *PRECEDENCE},
        "family_mix": set(FAMILIES),
    }[name]
    if unknown := sorted(set(shares) - known):
        raise ScenarioError(f"{name}.{channel}: unknown {unknown}; expected among {sorted(known)}")
    needed = {"cause_rates": set(), "screening_stops": {"ok", "other"}, "family_mix": set(FAMILIES)}[name]
    if missing := sorted(needed - set(shares)):
        raise ScenarioError(f"{name}.{channel}: missing {missing}")
    for key, share in shares.items():
        if not is_share(share):
            raise ScenarioError(f"{name}.{channel}.{key}: expected a share from 0 to 1, got {share!r}")


def _check_channel(scenario: Scenario, channel: str) -> None:
    band = scenario.failure_bands[channel]
    if not isinstance(band, (list, tuple)) or len(band) != 2:
        raise ScenarioError(f"failure_bands.{channel}: expected low and high, got {band!r}")
    low, high = band
    if not (is_share(low) and is_share(high) and low <= high):
        raise ScenarioError(f"failure_bands.{channel}: expected 0 <= low <= high <= 1, got {low} and {high}")
    if not is_number(scenario.daily[channel]) or scenario.daily[channel] <= 0:
        raise ScenarioError(f"daily.{channel}: expected more than 0 cards a day, got {scenario.daily[channel]!r}")
    total = sum(scenario.cause_rates[channel].values())
    if not low <= total <= high:
        raise ScenarioError(
            f"cause_rates.{channel}: add up to {total:.4f}, outside failure_bands.{channel} "
            f"({low:g} to {high:g}): change one of the two"
        )
    families = sum(scenario.family_mix[channel].values())
    if abs(families - 1.0) > 1e-6:
        raise ScenarioError(f"family_mix.{channel}: expected shares that add up to 1, got {families:g}")
    for cause, share in scenario.screening_stops[channel].items():
        if share >= 1.0:
            raise ScenarioError(
                f"screening_stops.{channel}.{cause}: stops every card, so none could fail at activation; "
                "give less than 1"
            )


def from_dict(document: Mapping[str, Any]) -> Scenario:
    """Return the scenario of plain values (see :meth:`Scenario.to_dict`); what is not named keeps its default.

    Raises
    ------
    ScenarioError
        An entry is unknown or of the wrong type, or the scenario contradicts itself.
    """
    known = {item.name for item in fields(Scenario)}
    if unknown := sorted(set(document) - known):
        raise ScenarioError(f"scenario: unknown entries {unknown}; expected among {sorted(known)}")
    values = dict(document)
    base = Scenario()
    for name in ("daily", "cause_rates", "screening_stops", "family_mix", "failure_bands"):
        if name in values:
            if not isinstance(values[name], Mapping):
                raise ScenarioError(f"{name}: expected a table by channel, got {values[name]!r}")
            values[name] = getattr(base, name) | _copy(values[name])
    if "failure_bands" in values:
        values["failure_bands"] = {
            name: tuple(band) if isinstance(band, list) else band for name, band in values["failure_bands"].items()
        }
    if "incidents" in values:
        if not isinstance(values["incidents"], list) or not all(isinstance(i, Mapping) for i in values["incidents"]):
            raise ScenarioError(f"incidents: expected a list of tables, got {values['incidents']!r}")
        values["incidents"] = tuple(_incident(table) for table in values["incidents"])
    scenario = Scenario(**values)
    check(scenario)
    return scenario


def _incident(table: Mapping[str, Any]) -> Incident:
    entries = dict(table)
    sort = entries.pop("sort", None)
    if not isinstance(sort, str) or sort not in sorts.SORTS:
        raise ScenarioError(f"incident: sort: expected one of {', '.join(sorts.SORTS)}; got {sort!r}")
    known = {item.name for item in fields(sorts.SORTS[sort])}
    if unknown := sorted(set(entries) - known):
        raise ScenarioError(f"{sort}: unknown entries {unknown}; expected among {sorted(known)}")
    try:
        return sorts.SORTS[sort](**entries)
    except TypeError as error:
        raise ScenarioError(f"{sort}: {error}") from None


def read(path: str | Path) -> Scenario:
    """Return the scenario in a TOML file.

    Raises
    ------
    UnusableFileError
        The file cannot be read or is not TOML.
    ScenarioError
        What it says is no scenario.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnusableFileError(f"{path}: expected a TOML file of a scenario, got: {error}") from None
    return from_dict(document)


def write(scenario: Scenario, path: str | Path) -> None:
    """Write ``scenario`` as TOML."""
    document = scenario.to_dict()
    lines = [f"{name} = {_value(value)}" for name, value in document.items() if not isinstance(value, (dict, list))]
    if not document["incidents"]:
        lines.append("incidents = []")
    for name, value in document.items():
        if isinstance(value, dict):
            nested = any(isinstance(entry, dict) for entry in value.values())
            tables = {f"{name}.{key}": entry for key, entry in value.items()} if nested else {name: value}
            for title, table in tables.items():
                lines += ["", f"[{title}]", *(f"{key} = {_value(entry)}" for key, entry in table.items())]
    for table in document["incidents"]:
        lines += ["", "[[incidents]]", *(f"{key} = {_value(entry)}" for key, entry in table.items())]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # TOML reads the same escapes
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(entry) for entry in value) + "]"
    return repr(value)
