"""Packets in, IKE messages out. IP reassembly, TCP streams, NAT-T, ICMP, IKE; nothing here raises on bytes.

Enters: chunks of packet records (:mod:`analyzer.capture`).
Leaves: the tables of :mod:`analyzer.wire.tables`, made in one pass by :mod:`analyzer.wire.collect`.
"""
