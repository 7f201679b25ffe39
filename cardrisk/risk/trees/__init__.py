"""LightGBM's trees without LightGBM: a strict reader of its text format and an exact, compiled evaluator."""

from cardrisk.risk.trees.ensemble import Ensemble, parse

__all__ = ["Ensemble", "parse"]
