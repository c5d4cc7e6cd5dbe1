"""Packets in, datagrams out: which ones matter, link layers, IP, tunnels, fragments, TCP, and what is beside IKE.

Enters: chunks of packet records (:mod:`analyzer.formats`).
Leaves: rows of :mod:`analyzer.packets.tables`, and the bytes of what may be IKE messages. Nothing here raises on bytes.
"""
