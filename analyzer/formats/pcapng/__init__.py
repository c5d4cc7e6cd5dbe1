"""pcapng (draft-ietf-opsawg-pcapng): sections with interfaces, each with its clock and byte order, and packet blocks.

Enters: a window over the file. Leaves: chunks of packet records, interfaces, notes (:mod:`.reader`).
"""
