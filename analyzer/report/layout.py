"""How a text is laid out: its width, how much is told, whether long lines of a ladder are folded."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

#: Columns where nobody says how many there are.
WIDTH = 110
#: Fewer columns than this nobody has; narrower terminals fold by themselves.
NARROWEST = 60
#: Longer lines of prose are hard to read.
_READABLE = 120

#: A number stays on the line of its unit.
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:s|ms|bytes?|packets?|times)\b)")
_NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What an output is told about the place that it is printed to.

    Attributes
    ----------
    width : int
        Columns.
    verbose : bool
        All that is known, not only what somebody needs who wants to mend the connection.
    folds : bool
        No line of a ladder is longer than ``width``: for a terminal. Lines to be copied are never cut.
    """

    width: int = WIDTH
    verbose: bool = False
    folds: bool = False

    def wrapped(self, text: str, indent: str, further: str | None = None) -> str:
        """Fill lines of the width; ``further`` indents all but the first line.

        Examples
        --------
        >>> print(Layout(width=30).wrapped("it was sent 4 times and got no answer", "- ", "  "))
        - it was sent 4 times and got
          no answer
        """
        filled = textwrap.fill(
            _BEFORE_UNIT.sub(_NO_BREAK, " ".join(text.split())),
            min(self.width, _READABLE),
            initial_indent=indent,
            subsequent_indent=indent if further is None else further,
            break_long_words=False,
            break_on_hyphens=False,
        )
        return filled.replace(_NO_BREAK, " ")

    def fitted(self, text: str) -> str:
        """Fold what is still longer (headings, with names of files in them), but no line that is to be copied.

        Examples
        --------
        >>> print(Layout(width=24).fitted("VERDICT  failed: udp-4500-blocked\\n      swanctl --load-conns --noprompt"))
        VERDICT  failed:
            udp-4500-blocked
              swanctl --load-conns --noprompt
        """
        return "".join(part for line in text.splitlines(keepends=True) for part in self._fitted(line))

    def _fitted(self, line: str) -> str:
        if len(line.rstrip("\n")) <= self.width or line.startswith(_COPIED):
            return line
        indent = line[: len(line) - len(line.lstrip())]
        return textwrap.fill(line.strip(), self.width, initial_indent=indent, subsequent_indent=f"{indent}    ",
                             break_long_words=False, break_on_hyphens=False) + "\n"  # fmt: skip


#: How a line begins that is to be copied: a command, a display filter.
_COPIED = ("      ", "  Wireshark: ", "  From ", "  At ")

PLAIN = Layout()
