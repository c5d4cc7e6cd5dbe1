"""Findings in, reports out: text with ladders, JSON, the plot of packet size versus MTU.

Enters: an :class:`analyzer.analysis.Analysis`. Leaves: text, dictionaries, pictures. What came from the capture is
escaped. :mod:`analyzer.report.document` and :mod:`analyzer.report.listing` choose what is told, one for people and one
for machines; outputs print it, and :mod:`analyzer.report.outputs` names them.
The ladder notation is documented in :mod:`analyzer.report.ladder.notation`.
"""
