"""Datagrams in, IKE messages out: header, payload chain, proposals; the numbers and names of the protocol.

Enters: what :mod:`analyzer.packets` made of a chunk; :mod:`analyzer.ike.collect` is the one pass over the capture.
Leaves: :class:`analyzer.ike.tables.Wire`, all tables of a capture. Nothing here raises on bytes.
"""
