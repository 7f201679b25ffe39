"""Watching scores after they were given: drift, calibration on final answers, served against recomputed."""

from cardrisk.monitor.watch import Monitoring, monitor

__all__ = ["Monitoring", "monitor"]
