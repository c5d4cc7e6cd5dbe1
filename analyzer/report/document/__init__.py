"""The document between findings and outputs: what a report for people says, as plain values, in the order of reading.

Enters an analysis; leaves a :class:`analyzer.report.document.values.Document`. It decides which IKE SAs are shown (one
for each cause), what is folded, and that each remedy is told once: an output prints it and chooses nothing. What a
report for machines lists is :mod:`analyzer.report.listing`.
"""
