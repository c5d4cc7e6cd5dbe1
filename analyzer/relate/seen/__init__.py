"""What is seen: messages, exchanges, duplicates, ICMP errors and fragments by IKE SA, the capture as a whole.

Enters: the tables of :mod:`analyzer.packets.tables`.
Leaves: typed views and plain facts. Nothing here looks at :mod:`analyzer.relate.inferred`, not even for a type.
"""
