"""What a trace tells of the path MTU, each kind of clue in its own file, and what they come to together.

Enters: messages, ICMP errors, pings and TCP handshakes between two addresses.
Leaves: clues with their evidence, and bounds for each direction (:mod:`analyzer.relate.inferred.mtu.path_mtu`).
"""
