"""What an archive holds, as the readers of ZIP and tar give it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

#: Said where an archive ends before its end, or goes on as nothing that is known.
CUT = "the archive is damaged or cut off: what follows was not read"


@dataclass(frozen=True, slots=True)
class Member:
    """A plain file: its name as recorded, and its bytes, to be read before the next member is asked for.

    Attributes
    ----------
    name : str
        Empty where the archive itself is meant, of which no member follows.
    body : binary file or str
        What is wrong, in words, where there are no bytes to read. Notes on the bytes are in its ``notes``, if any.
    """

    name: str
    body: BinaryIO | str
