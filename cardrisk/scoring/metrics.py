"""Counters and latencies in Prometheus' text format, without its library.

Correct when every event is counted once whatever thread it comes from, and the text is that of exposition format 0.0.4.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from threading import Lock
from typing import Final

from cardrisk.scoring.result import Score

BUCKETS: Final = (5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.5, 1.0)
"""Upper bounds of latencies, in seconds."""

_HELP: Final = {
    "scores": "answers given, by decision",
    "quarantined": "cards refused, by rule",
    "retries": "cards handed in again and answered as before",
    "retries_changed": "cards handed in again that were not the same",
    "degraded": "cards held without a score, by reason",
    "answers": "answers taken in, by status",
    "answers_waiting": "answers taken in whose card was not known",
    "forgotten": "events removed on a person's request",
    "trimmed": "events removed because they are old",
}

_NONE: Final[Mapping[str, int]] = {}


class Metrics:
    """Counts of one scorer; safe to share between threads.

    Parameters
    ----------
    info
        Labels that name what runs: versions.
    """

    def __init__(self, info: Mapping[str, str]) -> None:
        self._info = dict(info)
        self._begin()

    def _begin(self) -> None:
        self._lock = Lock()
        self._counts: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._decided = self._counts["scores"]
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    def count(self, name: str, label: str = "", by: int = 1) -> None:
        """Add to a counter: ``scores``, ``quarantined``, ``retries`` or another that :meth:`text` gives."""
        with self._lock:
            self._counts[name][label] += by

    def answered(self, scores: Sequence[Score], seconds: float) -> None:
        """Note the answers of one call and how long it took."""
        with self._lock:
            for score in scores:
                self._decided[score.decision] += 1
                if score.p_fail is not None:  # the rest is about cards that were held
                    continue
                if score.rule is not None:
                    self._counts["quarantined"][score.rule] += 1
                elif score.degraded is not None:
                    self._counts["degraded"][score.degraded] += 1
            self._buckets[bisect_left(BUCKETS, seconds)] += 1
            self._seconds += seconds

    def value(self, name: str, label: str = "") -> int:
        """Return a counter."""
        return self._counts.get(name, _NONE).get(label, 0)

    def text(self) -> str:
        """Return everything as Prometheus text, ending in a line feed."""
        with self._lock:
            counts = {name: sorted(found.items()) for name, found in self._counts.items()}
            buckets, seconds = list(self._buckets), self._seconds
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in self._info.items())
        lines = ["# HELP cardrisk_info versions", "# TYPE cardrisk_info gauge", f"cardrisk_info{{{labels}}} 1"]
        for name, said in _HELP.items():
            lines += [f"# HELP cardrisk_{name}_total {said}", f"# TYPE cardrisk_{name}_total counter"]
            for label, number in counts.get(name) or [("", 0)]:
                lines.append(f"cardrisk_{name}_total{_label(name, label)} {number}")
        lines += ["# HELP cardrisk_score_seconds time of one call", "# TYPE cardrisk_score_seconds histogram"]
        totals = list(accumulate(buckets))
        for bound, total in zip((*map(repr, BUCKETS), "+Inf"), totals, strict=True):
            lines.append(f'cardrisk_score_seconds_bucket{{le="{bound}"}} {total}')
        lines += [f"cardrisk_score_seconds_sum {seconds!r}", f"cardrisk_score_seconds_count {totals[-1]}"]
        return "\n".join(lines) + "\n"


_NAMES: Final = {
    "scores": "decision",
    "quarantined": "rule",
    "degraded": "reason",
    "answers": "status",
}


def _label(name: str, label: str) -> str:
    return f'{{{_NAMES[name]}="{_escaped(label)}"}}' if name in _NAMES and label else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
