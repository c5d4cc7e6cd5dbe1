"""What a rule is and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from analyzer.relate.seen.features import Feature
from analyzer.rules.catalogue import causes


class Severity(Enum):
    """How bad: ``blocking`` ends the connection attempt, ``degrading`` hurts, ``information`` is to be known."""

    BLOCKING = "blocking"
    DEGRADING = "degrading"
    INFORMATION = "information"

    @property
    def rank(self) -> int:
        """0 is the most severe."""
        return _SEVERITIES[self._value_]


class Confidence(Enum):
    """How sure (docs/verdicts.md).

    ``proved``: both ends seen, or an ICMP error that names the reason. ``strong``: positive packet evidence on one
    side. ``probable``: an absence, with every look-alike excluded. ``possible``: an absence that other causes share.
    ``cannot-tell``: this trace cannot show it.
    """

    PROVED = "proved"
    STRONG = "strong"
    PROBABLE = "probable"
    POSSIBLE = "possible"
    CANNOT_TELL = "cannot-tell"

    @property
    def rank(self) -> int:
        """0 is the surest."""
        return _CONFIDENCES[self._value_]


#: By value: the hash of a text is kept, that of an enumeration member is worked out each time.
_SEVERITIES = {severity.value: rank for rank, severity in enumerate(Severity)}
_CONFIDENCES = {confidence.value: rank for rank, confidence in enumerate(Confidence)}


@dataclass(frozen=True, slots=True)
class Observation:
    """What a rule found in one IKE SA or capture. Text from the capture in it is escaped already.

    ``more``: makes the rest of the detail, where that costs something: a verdict does without.
    ``is_remark``: worth knowing, but no answer to "why did it fail" (a group retry that went well, say).
    ``is_open``: information that does not say that the connection served: exit status 3, whatever the confidence.
    """

    title: str
    detail: str
    frames: tuple[int, ...]
    confidence: Confidence
    severity: Severity | None = None
    remedies: tuple[str, ...] = ()
    is_remark: bool = False
    is_open: bool = False
    more: Callable[[], str] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue.

    Attributes
    ----------
    code : str
        ``FRG001``, as in the catalogue (:mod:`analyzer.rules.catalogue`), from which ``id``, ``title`` and ``order``
        come; the order breaks ties between findings of equal severity and confidence.
    severity : Severity
        Unless an observation says otherwise.
    scope : "sa" or "capture"
        What ``check`` looks at.
    needs : tuple of str
        Names of the evidence without which it is not assessed (:mod:`analyzer.rules.shared.evidence`).
    remedies : tuple of str
        Ids of remedies that fit each of its findings.
    topics : tuple of str
        Topics of remedies that its findings draw from (:func:`analyzer.remedies.for_topic`), whose every remedy its
        page lists; and ids of what does not help.
    features : Feature or None
        It can be the verdict only on an IKE SA that bears one of these; None: on any.
    versions : tuple of int
        Major IKE versions of the SAs that it is about.
    ceiling : Confidence
        The surest that it ever is; rules that cannot do better than what is found already need not be run.
    is_verdict : bool
        It can be the answer to "why did it fail"; a mere remark cannot.
    """

    code: str
    severity: Severity
    check: Callable[[Any], Iterable[Observation]]
    scope: Literal["sa", "capture"] = "sa"
    needs: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    features: Feature | None = None
    versions: tuple[int, ...] = (2,)
    ceiling: Confidence = Confidence.PROVED
    is_verdict: bool = True
    id: str = field(init=False)
    order: int = field(init=False)
    title: str = field(init=False)

    def __post_init__(self) -> None:
        cause = causes()[self.code]
        for name in ("id", "order", "title"):
            object.__setattr__(self, name, getattr(cause, name))

    @property
    def best_rank(self) -> tuple[int, int, int]:
        """The highest rank that a finding of it can have."""
        return self.severity.rank, self.ceiling.rank, self.order


@dataclass(frozen=True, slots=True)
class Finding:
    """An observation with the rule that made it. ``sa`` is the number of an IKE SA, None for the whole capture.

    ``remedy_ids``: what to do about it, by the ids of :func:`analyzer.remedies.catalogue`; ``remedies``: as texts.
    """

    rule: str
    id: str
    sa: int | None
    severity: Severity
    confidence: Confidence
    title: str
    detail: str
    frames: tuple[int, ...]
    remedy_ids: tuple[str, ...]
    order: int
    is_verdict: bool
    is_open: bool = False

    @property
    def remedies(self) -> tuple[str, ...]:
        """What to do, one paragraph each."""
        # Of a capture in which nothing failed nobody reads the remedies.
        from analyzer.remedies import remedy

        return tuple(text for key in self.remedy_ids for text in remedy(key))

    @property
    def rank(self) -> tuple[int, int, int]:
        """Smallest first: by severity, then confidence, then place in the catalogue."""
        return self.severity.rank, self.confidence.rank, self.order

    @property
    def filter(self) -> str:
        """A Wireshark display filter for its frames."""
        return f"frame.number in {{{', '.join(map(str, self.frames))}}}" if self.frames else ""


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A rule that could not be applied to an SA, and what evidence was missing."""

    rule: str
    sa: int | None
    because: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: of one IKE SA, or of the capture.

    ``question``: what is left open where no rule makes it; a key of :mod:`analyzer.rules.reasons`.
    """

    id: str
    severity: Severity
    confidence: Confidence
    text: str
    sa: int | None = None
    rule: str = ""
    frames: tuple[int, ...] = ()
    is_open: bool = False
    question: str = ""

    @property
    def reason(self) -> str | None:
        """Why this capture cannot tell: a key of :mod:`analyzer.rules.reasons`; None where it can."""
        return (self.question or self.id) if self.exit_status == CANNOT_TELL else None

    @property
    def exit_status(self) -> int:
        """0 healthy, 1 a blocking or degrading finding, 3 the capture cannot tell or leaves open whether it served."""
        if self.severity is not Severity.INFORMATION:
            return FAILED
        return CANNOT_TELL if self.confidence is Confidence.CANNOT_TELL or self.is_open else 0


#: Exit statuses of a verdict: something failed; the trace does not show what happened.
FAILED, CANNOT_TELL = 1, 3
