"""Scoring tables too big for memory: in pieces, on all cores, and on again after a kill.

Correct when the output's bytes are those of :func:`cardrisk.score` over the whole input and history, however the
work was cut, spread over processes or interrupted.

The order of work is that of :mod:`cardrisk.features.parts`. Every task reads files and writes one, or some of which one
appears last and says that it is done. All stand in a folder beside the output (``.NAME.job``, readable by its owner
alone), which holds what passed the intake boundary; what nobody reads any more is removed, and the folder at the end.
Memory depends on :class:`~cardrisk.jobs.batch.context.Limits`, not on the input.
"""
