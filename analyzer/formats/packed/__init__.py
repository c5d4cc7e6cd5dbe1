"""What captures come packed in: gzip, bzip2, xz, zstd; tar and ZIP archives; one archive in another.

Enters: a stream. Leaves: streams of the captures inside, unpacked on the way, never on disk, within a budget.
"""
