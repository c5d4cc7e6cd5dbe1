"""What can go wrong on the caller's side. Bytes of a capture never raise; they become notes.

::

    AnalyzerError            base of all; its text is one line, ready for a person
    ├── InputError           the file cannot be read as a capture (missing, directory, empty, text, ZIP ...)
    ├── UsageError           an argument makes no sense (unknown rule, MTU of 3 ...)
    └── MissingDependency    an optional package or program is needed for what was asked
"""

from __future__ import annotations


class AnalyzerError(Exception):
    """Base of the errors that this package raises on purpose; ``str()`` is one line."""


class InputError(AnalyzerError):
    """The input is not a capture that can be read. ``path``: which one, where several were asked for."""

    def __init__(self, message: str = "", path: str = "") -> None:
        super().__init__(message)
        self.path = path


class UsageError(AnalyzerError):
    """The caller asked for something that makes no sense."""


class MissingDependency(AnalyzerError):
    """An optional package or program is needed and absent."""
