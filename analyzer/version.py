"""The version of the tool; packaging reads it here."""

__version__ = "0.1.0"
