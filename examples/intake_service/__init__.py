"""A service around :class:`cardrisk.Scorer`: cards and answers over HTTP, several workers over one store.

Run it with ``python -m examples.intake_service``; every setting is an environment variable (``settings.py``).
"""
