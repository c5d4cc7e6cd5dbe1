"""Findings in, reports out: text with ladders, JSON, the plot of packet size versus MTU.

Enters: a capture with its verdict. Leaves: text, dictionaries, pictures. What came from the capture is escaped.
The ladder notation is documented in :mod:`analyzer.report.ladder.notation`.
"""
