"""The version, in one place: read by the build and written into every bundle and decision record."""

__version__ = "0.1.0"
