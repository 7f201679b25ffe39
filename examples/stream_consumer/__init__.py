"""A consumer of a stream of cards and answers: at-least-once delivery, exactly once in effect.

Run it with ``python -m examples.stream_consumer``, as many at once as wanted.
"""
