"""The command line: one short function per verb, each a thin wrapper over the public API.

Exit status: 0 healthy, 1 a blocking or degrading finding, 2 a usage or input error, 3 the capture cannot tell. Of
several files the gravest counts: 2 before 1 before 3 before 0. 141: the reader of our output left. 128 and the number
of the signal (130 of Ctrl-C, 143 of SIGTERM): a signal ended it.

Little is imported here before :func:`main` has put up the signals' handlers: until then Ctrl-C is Python's own.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys

import analyzer
from analyzer import signals
from analyzer.errors import AnalyzerError, InputError, MissingDependency, UsageError

TYPE_CHECKING = False  # as in typing, which is imported later
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from analyzer.capture import Capture
    from analyzer.report.layout import Layout

USAGE_ERROR = 2
#: The reader of our output left (head, less): what a shell says of a program that SIGPIPE, number 13, ended.
READER_LEFT = signals.BY_SIGNAL + 13
#: From bad to good; several files end with the first of these that occurred.
_GRAVITY = (USAGE_ERROR, 1, 3, 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Without ``argv`` it is the process's own command: then its signals are ours, too.
    """
    if argv is None:
        signals.end_by_signals()
    # A run makes many small objects, and none of a capture refers to itself: look for garbage rarely. NumPy's linear
    # algebra is not used: without its threads NumPy starts faster.
    gc.set_threshold(200_000, 50, 50)
    # The thread that reads ahead and the one that analyses hand over often, each between two array operations.
    sys.setswitchinterval(0.0005)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        _prepare_output()
        status = _run(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return status
    except AnalyzerError as error:
        _complain(error)
    except OSError as error:
        _drop(sys.stdout)
        if _reader_left(error):  # not an error, and nothing more can be written
            return READER_LEFT
        _complain(_of_the_system(error))
    except MemoryError:
        _complain(InputError("not enough memory: allow more (ulimit -v), or cut the capture (editcap -c 99999 IN OUT)"))
    except ImportError as error:
        what = str(error).strip().split("\n")[-1]
        _complain(MissingDependency(f"a package cannot be loaded: {what!r} (see ike-analyzer doctor)"))
    return USAGE_ERROR


def _run(words: list[str]) -> int:
    from analyzer.arguments import parser

    try:
        arguments = parser().parse_args(_with_verb(words))
    except SystemExit:  # it printed what --help or --version asks for; all else is a UsageError
        return 0
    return VERBS[arguments.verb](arguments)


def _reader_left(error: OSError) -> bool:
    """Windows says of a pipe that nobody reads that the argument is invalid."""
    return isinstance(error, BrokenPipeError) or (
        os.name == "nt" and error.errno == errno.EINVAL and error.filename is None
    )


def _of_the_system(error: OSError) -> AnalyzerError:
    """Readers and plots turn theirs into an InputError: what is left is our own output, as on a full disk."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return InputError("too many open files: allow more (ulimit -n 256)")
    if error.filename is not None:
        return InputError(f"{os.fsdecode(error.filename)!r}: {error.strerror}")
    return UsageError(f"cannot write the report: {error.strerror or error}")


def _prepare_output() -> None:
    """Whatever the terminal cannot show (a file name, say) is escaped rather than fatal."""
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop(stream: TextIO) -> None:
    """What is still in the buffer goes nowhere, so that leaving does not fail on it once more."""
    from contextlib import suppress

    with suppress(OSError):
        # Where no more files may be opened, the place that the stream leaves is free.
        os.close(stream.fileno())
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != stream.fileno():
            os.dup2(nowhere, stream.fileno())


def _with_verb(words: list[str]) -> list[str]:
    """``ike-analyzer trace.pcapng``: what is meant is plain. A file named like a command is analysed as ``./rules``."""
    if not words or words[0] in VERBS or (words[0].startswith("-") and words[0] != "-"):
        return words
    if words[0] == "-" or os.path.lexists(words[0]):
        return ["analyze", *words]
    from analyzer.suggestions import did_you_mean, near_files

    meant = did_you_mean(words[0], VERBS) or near_files(words[0])
    raise UsageError(f"{words[0]!r} is neither a command nor a file{meant} (see ike-analyzer --help)")


def analyze(arguments: argparse.Namespace) -> int:
    """``analyze FILE...``: verdict, ladder and findings of each capture."""
    if arguments.plot is not None:
        _check_plot(arguments.plot, arguments.files)
    statuses: list[int] = []
    printed = 0

    layout, write = _terminal(arguments)

    def problem(error: InputError) -> None:
        _complain(error)
        statuses.append(USAGE_ERROR)

    for path in arguments.files:
        try:
            captures = analyzer.read_each(
                path, ports=arguments.port, mtu=arguments.mtu, sha256=arguments.output != "text", problem=problem
            )
            for capture in captures:
                if arguments.plot is not None:
                    _plot(capture, arguments)
                _print(capture, arguments, layout, write, first=printed == 0)
                printed += 1
                statuses.append(capture.verdict.exit_status)
        except InputError as error:
            if len(arguments.files) == 1:
                raise _with_near_file(error, path) from None
            problem(_with_near_file(error, path))
    return next(status for status in _GRAVITY if status in statuses)


def _with_near_file(error: InputError, path: str) -> InputError:
    from analyzer.suggestions import near_files

    return InputError(f"{error}{near_files(path)}") if str(error).endswith(": no such file") else error


def _read(path: str, arguments: argparse.Namespace) -> Capture:
    """One capture for a command that looks at the whole of it."""
    try:
        return analyzer.read(path, ports=arguments.port)
    except InputError as error:
        raise _with_near_file(error, path) from None


def _terminal(arguments: argparse.Namespace) -> tuple[Layout, Callable[[str], object]]:
    """How to lay out what is printed, and what writes it: with colour where that is wanted."""
    from analyzer.report import terminal

    layout = terminal.layout_of(sys.stdout, verbose=getattr(arguments, "verbose", False))
    if not terminal.is_coloured(arguments.color, sys.stdout):
        return layout, sys.stdout.write
    return layout, lambda text: sys.stdout.write(terminal.painted(text))


def _check_plot(out: str, files: Sequence[str]) -> None:
    if len(files) > 1:
        raise UsageError("--plot draws one capture: give one FILE")
    from contextlib import suppress

    with suppress(OSError, ValueError):  # one of them does not exist: said later, where it matters
        if os.path.samefile(out, files[0]):
            raise UsageError(f"--plot {out!r} would overwrite the capture: give another name")


def _plot(capture: Capture, arguments: argparse.Namespace) -> None:
    import logging

    if capture.analysis.is_inside:
        raise UsageError("--plot draws one capture, and this is an archive: unpack it and give one FILE")
    # It remarks on its cache and its settings: nothing that concerns the capture.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    capture.plot(arguments.plot)


def explain(arguments: argparse.Namespace) -> int:
    """``explain WHAT``: the page of a rule, a verdict or a Windows error code, or the script of its remedy."""
    from analyzer.report import rule_page, terminal

    width = min(terminal.layout_of(sys.stdout).width, rule_page.WIDTH)
    page = rule_page.script(arguments.what) if arguments.script else rule_page.explain(arguments.what, width=width)
    sys.stdout.write(page)
    return 0


def rules(arguments: argparse.Namespace) -> int:
    """``rules``: all rules as a table."""
    from analyzer.report import rule_table

    sys.stdout.write(rule_table.as_json() + "\n" if arguments.json else rule_table.as_text())
    return 0


def validate(arguments: argparse.Namespace) -> int:
    """``validate FILE``: the check after the fix."""
    from analyzer.report import validation_text

    if arguments.file == arguments.before == "-":
        raise UsageError("standard input can be read once: give the name of a file")
    capture = _read(arguments.file, arguments)
    before = _read(arguments.before, arguments).analysis if arguments.before is not None else None
    validation = analyzer.validate(capture, arguments.subject)
    if arguments.json:
        print(validation_text.as_json(capture.analysis, validation, before=before))
    else:
        layout, write = _terminal(arguments)
        write(validation_text.as_text(capture.analysis, validation, before=before, layout=layout))
    return validation.exit_status


def compare(arguments: argparse.Namespace) -> int:
    """``compare CLIENT SERVER``: two captures of the same attempt."""
    from analyzer.report import comparison_text

    if "-" in (arguments.client, arguments.server):
        raise UsageError("compare reads two files: give their names")
    both = analyzer.compare(_read(arguments.client, arguments), _read(arguments.server, arguments))
    if arguments.json:
        print(comparison_text.as_json(both))
    else:
        layout, write = _terminal(arguments)
        write(comparison_text.as_text(both, layout=layout))
    return both.verdict.exit_status


def doctor(arguments: argparse.Namespace) -> int:
    """``doctor``: is everything here that the tool needs?"""
    from analyzer.doctor import as_text, examine, is_healthy

    findings = list(examine())
    sys.stdout.write(as_text(findings))
    return 0 if is_healthy(findings) else 1


def guide(arguments: argparse.Namespace) -> int:
    """``guide``: how to take a good trace, or a script that takes it."""
    from importlib.resources import files

    name = {None: "capture_guide.md", "windows": "scripts/trace.ps1", "linux": "scripts/trace.sh"}[arguments.script]
    sys.stdout.write(files("analyzer.report").joinpath(name).read_text(encoding="utf-8"))
    return 0


def completion(arguments: argparse.Namespace) -> int:
    """``completion SHELL``: what completes commands and options, made from the parser itself."""
    from analyzer.arguments import parser
    from analyzer.completion import script

    sys.stdout.write(script(arguments.shell, parser()))
    return 0


def _print(
    capture: Capture, arguments: argparse.Namespace, layout: Layout, write: Callable[[str], object], *, first: bool
) -> None:
    from analyzer.report.outputs import output

    chosen = output(arguments.output)
    if not first:
        sys.stdout.write(chosen.between.replace("=" * 110, "=" * min(layout.width, 110)))
    for part in chosen.parts(capture.analysis, layout):
        write(part) if chosen.is_laid_out else sys.stdout.write(part)
    if arguments.plot is not None and chosen.name == "text":
        from analyzer.printable import printable

        print(f"\nPlot: {printable(arguments.plot)}")


def _complain(error: AnalyzerError) -> None:
    """One line; where even that cannot be written, the exit status is left to tell."""
    if sys.stderr is None:
        return
    try:
        print(f"ike-analyzer: {error}", file=sys.stderr, flush=True)
    except OSError:
        _drop(sys.stderr)


#: The commands by their names.
VERBS = {verb.__name__: verb for verb in (analyze, validate, compare, explain, rules, guide, doctor, completion)}


if __name__ == "__main__":
    sys.exit(main())
