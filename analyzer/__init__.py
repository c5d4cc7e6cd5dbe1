"""Says why an IKEv2 VPN connection failed, from a packet capture.

>>> import analyzer
>>> cap = analyzer.read("sample_pcaps/809-fragments-lost.pcapng")
>>> cap.verdict.id, cap.verdict.confidence.value
('ike-auth-ip-fragments-lost-upstream', 'probable')

``cap.packets``, ``cap.datagrams``, ``cap.messages``, ``cap.exchanges``, ``cap.sas``, ``cap.path_mtu`` and
``cap.findings`` are pandas frames; ``cap.text()``, ``cap.report()`` and ``cap.plot()`` are the reports. What
rules see are the objects ``cap.analysis.sas``, what they say ``cap.analysis.findings``; ``cap.message(7)`` is the IKE
message of frame 7, taken apart.
"""

from __future__ import annotations

from analyzer.version import __version__

TYPE_CHECKING = False  # as in typing, which takes longer to import than all that the command does before its first line
if TYPE_CHECKING:
    from typing import Any

    from analyzer.capture import Capture, compare, read, read_each, validate
    from analyzer.comparison.compare import Comparison
    from analyzer.errors import AnalyzerError, InputError, MissingDependency, UsageError
    from analyzer.rules.model import Confidence, Finding, NotAssessed, Severity, Verdict
    from analyzer.validation import Validation

_HOME = {
    "read": "capture",
    "read_each": "capture",
    "Capture": "capture",
    "Comparison": "comparison.compare",
    "compare": "capture",
    "AnalyzerError": "errors",
    "InputError": "errors",
    "MissingDependency": "errors",
    "UsageError": "errors",
    "Confidence": "rules.model",
    "Finding": "rules.model",
    "NotAssessed": "rules.model",
    "Severity": "rules.model",
    "Verdict": "rules.model",
    "Validation": "validation",
    "validate": "capture",
}

__all__ = [
    "AnalyzerError",
    "Capture",
    "Comparison",
    "Confidence",
    "Finding",
    "InputError",
    "MissingDependency",
    "NotAssessed",
    "Severity",
    "UsageError",
    "Validation",
    "Verdict",
    "__version__",
    "compare",
    "read",
    "read_each",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import analyzer`` costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'analyzer' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"analyzer.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
