"""Messages in, IKE SAs out: what is seen (``seen/``), what is inferred from it (``inferred/``), and the IKE SA on top.

Enters: the tables of :mod:`analyzer.packets.tables`.
Leaves: typed views (an :class:`analyzer.relate.sa.IkeSa` with its exchanges and messages) for rules and reports.
"""
