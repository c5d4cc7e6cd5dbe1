"""Signals that end the command: what it made and started is tidied up first, and one line says what happened.

A signal comes at any moment: in an import, in a destructor, while the interpreter itself ends. An exception raised
there would be swallowed, or printed as a traceback. So none is raised: the handler does what is to be done, and ends
the process. Whoever uses the package as a library keeps the handlers that are there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

TYPE_CHECKING = False  # as in typing, whose import takes longer than all that comes before the handlers stand
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

#: Ctrl-C, Ctrl-Break (Windows), a polite end, the end of the terminal; whichever of them the system has.
_ENDING = ("SIGINT", "SIGBREAK", "SIGTERM", "SIGHUP")

#: A shell says 128 and the number of the signal of a process that one ended, and so does our exit status.
BY_SIGNAL = 128

#: Calls that undo what must not outlive the process. They may be made twice, and stay here until they have returned.
leftovers: list[Callable[[], object]] = []


def end_by_signals() -> None:
    """From now on a signal ends the process: what is in :data:`leftovers` is undone, then one line is printed.

    A signal that whoever started us ignores (``nohup``, a shell's ``&``) stays ignored.
    """
    for number in _ending():
        if signal.getsignal(number) is not signal.SIG_IGN:
            with contextlib.suppress(ValueError, OSError):  # in another thread than the first; what cannot be caught
                signal.signal(number, _end)


class held:
    """Within the block no signal is answered; one that comes meanwhile is at its end, by the handler that was there.

    For the moment between the making of something and its entry in :data:`leftovers`. With Python's own handler that
    end raises KeyboardInterrupt.

    Examples
    --------
    >>> with held():
    ...     leftovers.append(print)
    >>> leftovers.remove(print)
    """

    def __enter__(self) -> None:
        self._came: list[int] = []
        self._handlers: dict[int, Callable[[int, FrameType | None], object]] = {}
        for number in _ending():
            handler = signal.getsignal(number)
            # Only the first thread answers signals, and may say how.
            with contextlib.suppress(ValueError, OSError):
                if callable(handler):
                    signal.signal(number, lambda number, _: self._came.append(number))
                    self._handlers[number] = handler

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for number in self._came:
            signal.raise_signal(number)


def _ending() -> list[int]:
    return [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]


def _end(number: int, _: FrameType | None) -> NoReturn:
    """Tidy up and leave. A further signal interrupts it: tidying then begins again, a blocked write is given up."""
    while leftovers:
        undo = leftovers[-1]
        with contextlib.suppress(OSError, ValueError):  # the next one is not left undone for that
            undo()
        if undo in leftovers:
            leftovers.remove(undo)
    for word in _last_words:
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # nobody takes it; or we are in the middle of it
            word(number)
    os._exit(BY_SIGNAL + number)


def _flush(_: int) -> None:
    """What is complete is not lost."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _say(number: int) -> None:
    if sys.stderr is not None:
        what = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
        os.write(sys.stderr.fileno(), f"ike-analyzer: {what}\n".encode())


#: One run through them, whoever gets there: what a further signal interrupts is not tried again.
_last_words = iter((_flush, _say))
