"""A frame in, where its IP header starts out: Ethernet and its tags, PPP, loopback, Linux cooked mode, raw IP, Wi-Fi.

Enters: bytes of frames and the link type that the file names. Leaves: offsets. For all frames of a chunk at once in
:mod:`analyzer.links.columns`; for one that is odd, in :mod:`analyzer.links.headers`, which proves the other.
"""
