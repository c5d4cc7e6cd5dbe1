"""What unpacking an input may take: bytes that come out, and memory of the decoders at work.

A few kilobytes can unpack to terabytes, and a few bytes can ask for gigabytes of memory. One :class:`Budget` holds for
an input and for all that is packed inside it, however deep.
"""

from __future__ import annotations

#: Unpacked bytes of one input, over all that is packed inside.
MAX_UNPACKED = 16 << 30
#: Unpacked bytes for each packed one. Traces pack 2 to 20 times; the first unpacked bytes are not held to it.
MAX_RATIO = 100
ALWAYS = 256 << 20

#: Memory for what a decoder must look back on (zstd's window, xz's dictionary): of one, which is what their programs
#: grant, and of all that are at work inside one another.
MAX_DECODER = 128 << 20
MAX_DECODERS = 144 << 20


class Budget:
    """What may be unpacked of one input, shared by all that is packed inside it.

    Attributes
    ----------
    unpacked : int
        Bytes that came out so far.
    packed : int
        Bytes of the input itself, as far as they went in.
    memory : int
        Bytes that the decoders at work have borrowed.

    Examples
    --------
    >>> budget = Budget()
    >>> budget.unpacked = ALWAYS + 1
    >>> budget.exceeded()
    'each of its bytes unpacks to more than 100: no trace packs so well'
    >>> budget.packed = 10 << 20
    >>> budget.exceeded()
    ''
    """

    def __init__(self) -> None:
        self.unpacked = 0
        self.packed = 0
        self.memory = 0
        self._claimed = False

    def claim(self) -> bool:
        """Whether whoever asks reads the input itself, and shall count its bytes: the first one does."""
        first, self._claimed = not self._claimed, True
        return first

    def exceeded(self) -> str:
        """Which limit was passed; empty when none was."""
        if self.unpacked > MAX_UNPACKED:
            return f"it unpacks to more than {MAX_UNPACKED >> 30} GiB"
        if self.unpacked > max(ALWAYS, MAX_RATIO * self.packed):
            return f"each of its bytes unpacks to more than {MAX_RATIO}: no trace packs so well"
        return ""

    def borrow(self, memory: int) -> str:
        """Grant a decoder memory until it is given back; why not, where it is too much.

        Examples
        --------
        >>> budget = Budget()
        >>> budget.borrow(100 << 20)
        ''
        >>> budget.borrow(64 << 20)
        'unpacking it takes 64 MiB of memory, and 44 MiB are left for it'
        >>> budget.give_back(100 << 20)
        >>> budget.borrow(64 << 20)
        ''
        """
        left = min(MAX_DECODER, MAX_DECODERS - self.memory)
        if memory > left:
            return f"unpacking it takes {memory >> 20:,} MiB of memory, and {left >> 20} MiB are left for it"
        self.memory += memory
        return ""

    def give_back(self, memory: int) -> None:
        """Decoders gave so much memory free."""
        self.memory -= memory
