"""Signals that end the command: what it made and started is tidied up first, and one line says what happened.

A signal comes at any moment: in an import, in a destructor, while the interpreter itself ends. An exception raised
there would be swallowed, or printed as a traceback. So none is raised: the handler does what is to be done, and ends
the process. Whoever uses the package as a library keeps the handlers that are there.
"""

from __future__ import annotations

import os
import sys

# Until the handlers stand, Ctrl-C ends in a traceback. So nothing is imported here that takes its time: no typing, no
# contextlib, and of signal what is below its enumerations.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn
else:
    import _signal as signal

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
        if signal.getsignal(number) != signal.SIG_IGN:
            _handle(number, _end)


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
            if callable(handler) and _handle(number, lambda number, _: self._came.append(number)):
                self._handlers[number] = handler

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for number in self._came:
            signal.raise_signal(number)


def _ending() -> dict[int, str]:
    """Numbers and names of the signals that end us."""
    return {getattr(signal, name): name for name in _ENDING if hasattr(signal, name)}


def _handle(number: int, handler: Callable[[int, FrameType | None], object] | int) -> bool:
    try:
        signal.signal(number, handler)
    except (ValueError, OSError):  # only the first thread may say so; a system may keep a signal for itself
        return False
    return True


def _end(number: int, _: FrameType | None) -> NoReturn:
    """Tidy up and leave. A further signal interrupts it: tidying then begins again, a blocked write is given up."""
    while leftovers:
        _undo(leftovers[-1])
    for flush in _flushes:
        flush()
    for other in _ending():  # one line, neither two nor none
        _handle(other, signal.SIG_IGN)
    _say("interrupted" if number == signal.SIGINT else f"ended by {_ending()[number]}")
    os._exit(BY_SIGNAL + number)


def _undo(call: Callable[[], object]) -> None:
    try:
        call()
    except (OSError, ValueError):  # what else there is to undo does not wait for it
        return
    finally:
        if call in leftovers:
            leftovers.remove(call)


def _flush() -> None:
    """What is complete is not lost, unless nobody takes it, or it is in the middle of being written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError, RuntimeError):
        return


def _say(what: str) -> None:
    try:
        if sys.stderr is not None:
            os.write(sys.stderr.fileno(), f"ike-analyzer: {what}\n".encode())
    except (OSError, ValueError):
        return


#: Whoever gets there takes the next one: what a further signal interrupts is not tried again.
_flushes = iter([_flush])
