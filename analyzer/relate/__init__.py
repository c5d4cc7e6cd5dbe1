"""Messages in, IKE SAs out: capture duplicates, pairing, attempts, SKF sets, MTU, NAT, progress.

Enters: the tables of :mod:`analyzer.packets.tables`.
Leaves: typed views (an :class:`analyzer.relate.sa.IkeSa` with its exchanges and messages) for rules and reports.
"""
