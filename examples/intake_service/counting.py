"""What the service counts, and how it shows it: Prometheus' text over all workers.

Correct when every request and every card is counted once, in whichever worker it ended, and the text is that of
exposition format 0.0.4.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate, groupby
from pathlib import Path
from typing import Final

from cardrisk.policy import ACTIONS
from cardrisk.scoring import Score, Scorer
from cardrisk.scoring.degraded import REASONS
from cardrisk.tables import RULES

from .shared import Counters

OPERATIONS: Final = ("score", "scores", "answers", "check", "forget")
STATUSES: Final = (200, 400, 401, 403, 408, 413, 415, 422, 429, 500, 503)
BOUNDS: Final = (2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.5, 1.0)
"""Upper bounds of request times, in seconds."""
_OTHER: Final = "other"
_ANSWERS: Final = ("success", "partial", "failed", "unknown")

_HELP: Final = {
    "cardrisk_service_requests_total": "requests answered, by operation and status",
    "cardrisk_service_request_seconds": "time from a request's headers to its answer",
    "cardrisk_service_calls_total": "calls of the scorer: cards divided by these is how many were taken in at once",
    "cardrisk_scores_total": "cards answered, by decision",
    "cardrisk_quarantined_total": "cards refused, by rule",
    "cardrisk_degraded_total": "cards held without a score, by reason",
    "cardrisk_retries_total": "cards handed in again and answered as before",
    "cardrisk_retries_changed_total": "cards handed in again that were not the same",
    "cardrisk_answers_total": "answers taken in, by status",
    "cardrisk_answers_waiting_total": "answers taken in whose card was not known",
    "cardrisk_answers_refused_total": "answers refused, by rule",
    "cardrisk_forgotten_total": "events removed on a person's request",
}


def _names() -> Iterator[str]:
    """Every counter as ``metric{labels}``, those of one metric side by side."""
    for operation in OPERATIONS:
        for status in STATUSES:
            yield f'cardrisk_service_requests_total{{operation="{operation}",status="{status}"}}'
    for operation in OPERATIONS:
        for bound in (*BOUNDS, "+Inf", "sum"):
            yield f'cardrisk_service_request_seconds{{operation="{operation}",le="{bound}"}}'
    yield "cardrisk_service_calls_total"
    for metric, label, values in (
        ("cardrisk_scores_total", "decision", ACTIONS),
        ("cardrisk_quarantined_total", "rule", (*RULES, _OTHER)),
        ("cardrisk_degraded_total", "reason", (*REASONS, _OTHER)),
        ("cardrisk_answers_total", "status", _ANSWERS),
        ("cardrisk_answers_refused_total", "rule", (*RULES, _OTHER)),
    ):
        yield from (f'{metric}{{{label}="{value}"}}' for value in values)
    yield "cardrisk_retries_total"
    yield "cardrisk_retries_changed_total"
    yield "cardrisk_answers_waiting_total"
    yield "cardrisk_forgotten_total"


NAMES: Final = tuple(_names())
_PLACE: Final = {name: place for place, name in enumerate(NAMES)}


class Count:
    """Counts of one worker.

    Parameters
    ----------
    folder
        Shared by the workers.
    """

    def __init__(self, folder: Path) -> None:
        self.counters = Counters(folder, NAMES)
        self._values = self.counters.values
        self._requests = {
            (operation, status): _PLACE[f'cardrisk_service_requests_total{{operation="{operation}",status="{status}"}}']
            for operation in OPERATIONS
            for status in STATUSES
        }
        self._times = {
            operation: _PLACE[f'cardrisk_service_request_seconds{{operation="{operation}",le="{BOUNDS[0]}"}}']
            for operation in OPERATIONS
        }
        self._decisions = {action: _PLACE[f'cardrisk_scores_total{{decision="{action}"}}'] for action in ACTIONS}
        self._seen: dict[str, int] = {}

    def request(self, operation: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        values, first = self._values, self._times[operation]
        values[self._requests[operation, status]] += 1
        values[first + bisect_left(BOUNDS, seconds)] += 1
        values[first + len(BOUNDS) + 1] += int(seconds * 1e6)

    def scores(self, found: list[Score], scorer: Scorer) -> None:
        """Count the answers of one call of the scorer."""
        values = self._values
        values[_PLACE["cardrisk_service_calls_total"]] += 1
        for score in found:
            values[self._decisions[score.decision]] += 1
            if score.rule is not None:
                self.add("cardrisk_quarantined_total", "rule", score.rule)
            elif score.degraded is not None:
                self.add("cardrisk_degraded_total", "reason", score.degraded)
        self._more(scorer, "retries", "", "cardrisk_retries_total")
        self._more(scorer, "retries_changed", "", "cardrisk_retries_changed_total")

    def answers(self, scorer: Scorer) -> None:
        """Count answers taken in since the last time; one that stood already is none."""
        for status in _ANSWERS:
            self._more(scorer, "answers", status, f'cardrisk_answers_total{{status="{status}"}}')
        self._more(scorer, "answers_waiting", "", "cardrisk_answers_waiting_total")

    def _more(self, scorer: Scorer, name: str, label: str, metric: str) -> None:
        """Add what the scorer counted since the last time; its own counts begin anew when it opens again."""
        now, then = scorer.metrics.value(name, label), self._seen.get(metric, 0)
        if now != then:
            self._values[_PLACE[metric]] += now - then if now > then else now
            self._seen[metric] = now

    def add(self, metric: str, label: str = "", value: str = "", by: int = 1) -> None:
        """Add to a counter; an unknown value counts as ``other``."""
        name = f'{metric}{{{label}="{value}"}}' if label else metric
        place = _PLACE.get(name)
        self._values[_PLACE[f'{metric}{{{label}="{_OTHER}"}}'] if place is None else place] += by

    def text(self, version: str, model_version: str, ready: bool) -> str:
        """Return everything as Prometheus text."""
        sums, alive = self.counters.sums()
        lines = ["# HELP cardrisk_info versions", "# TYPE cardrisk_info gauge"]
        lines.append(f'cardrisk_info{{version="{version}",model_version="{model_version}"}} 1')
        for name, said, value in (
            ("cardrisk_service_workers", "worker processes alive", alive),
            ("cardrisk_service_ready", "1 where the worker that answers scores cards, 0 where it holds them", ready),
        ):
            lines += [f"# HELP {name} {said}", f"# TYPE {name} gauge", f"{name} {int(value)}"]
        pairs = zip(NAMES, sums, strict=True)
        for metric, found in groupby(pairs, key=lambda pair: pair[0].partition("{")[0]):
            group = list(found)
            kind = "histogram" if metric.endswith("_seconds") else "counter"
            lines += [f"# HELP {metric} {_HELP[metric]}", f"# TYPE {metric} {kind}"]
            lines += _histograms(metric, group) if kind == "histogram" else _counters(group)
        return "\n".join(lines) + "\n"

    def close(self) -> None:
        """Leave the counters to the next worker."""
        self._values = memoryview(b"").cast("Q")
        self.counters.close()


def _counters(group: list[tuple[str, int]]) -> Iterator[str]:
    """Lines of counters; labelled ones that are zero are left out."""
    for name, value in group:
        if value or "{" not in name:
            yield f"{name} {value}"


def _histograms(metric: str, group: list[tuple[str, int]]) -> Iterator[str]:
    for operation, pairs in groupby(group, key=lambda pair: pair[0].partition(",")[0]):
        labels = operation.partition("{")[2]
        *counts, micros = (value for _, value in pairs)
        for bound, total in zip((*map(repr, BOUNDS), "+Inf"), accumulate(counts), strict=True):
            yield f'{metric}_bucket{{{labels},le="{bound}"}} {total}'
        yield f"{metric}_sum{{{labels}}} {micros / 1e6!r}"
        yield f"{metric}_count{{{labels}}} {sum(counts)}"
