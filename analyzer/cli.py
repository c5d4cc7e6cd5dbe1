"""The command line: one short function per verb, each a thin wrapper over the public API.

Exit status: 0 healthy, 1 a blocking or degrading finding, 2 a usage or input error, 3 the capture cannot tell. Of
several files the gravest counts: 2 before 1 before 3 before 0.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, TextIO

import analyzer
from analyzer.errors import AnalyzerError, InputError, MissingDependency, UsageError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from analyzer.analysis import Capture

USAGE_ERROR = 2
#: What a shell calls a process that Ctrl-C ended: 128 and the number of the signal.
INTERRUPTED = 130
_ANALYZE = "Prints the verdict, the ladder of each IKE SA, and the findings with frame numbers and remedies."
_VALIDATE = (
    "The check after the fix: both sides announce IKE fragmentation (16430), IP cuts no IKE_AUTH, IKE_AUTH is "
    "answered. Each check passes, fails, or cannot be told from this trace."
)
_COMPARE = (
    "Matches IKE SAs by SPI and messages by content, compares the clocks, and says which packet died in which "
    "direction."
)
_EXIT_STATUS = "Exit status: 0 healthy, 1 a blocking or degrading finding, 2 usage or input error, 3 cannot tell."
#: From bad to good; several files end with the first of these that occurred.
_GRAVITY = (USAGE_ERROR, 1, 3, 0)
VERBS = ("analyze", "validate", "compare", "explain", "rules", "guide", "doctor")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
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
    except BrokenPipeError:
        # The reader of our output left (head, less): not an error, and nothing more can be written.
        _drop(sys.stdout)
        return 0
    except OSError as error:
        _drop(sys.stdout)
        _complain(_of_the_system(error))
    except MemoryError:
        _complain(InputError("not enough memory: allow more (ulimit -v), or cut the capture (editcap -c 99999 IN OUT)"))
    except ImportError as error:
        what = str(error).strip().split("\n")[-1]
        _complain(MissingDependency(f"a package cannot be loaded: {what!r} (see ike-analyzer doctor)"))
    except KeyboardInterrupt:
        _leave()
    return USAGE_ERROR


def _run(words: list[str]) -> int:
    try:
        arguments = _parser().parse_args(_with_verb(words))
    except SystemExit:  # it printed what --help or --version asks for; all else is a UsageError
        return 0
    status: int = arguments.run(arguments)
    return status


def _of_the_system(error: OSError) -> AnalyzerError:
    """Readers and plots turn theirs into an InputError: what is left is our own output, as on a full disk."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return InputError("too many open files: allow more (ulimit -n 256)")
    if error.filename is not None:
        return InputError(f"{os.fsdecode(error.filename)!r}: {error.strerror}")
    return UsageError(f"cannot write the report: {error.strerror or error}")


def _leave() -> NoReturn:
    """End at once, by Ctrl-C: a thread may wait for a pipe that brings nothing more, and Python would wait for it."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    _complain(UsageError("interrupted"))
    os._exit(INTERRUPTED)


def _prepare_output() -> None:
    """Whatever the terminal cannot show (a file name, say) is escaped rather than fatal."""
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop(stream: TextIO) -> None:
    """What is still in the buffer goes nowhere, so that leaving does not fail on it once more."""
    with contextlib.suppress(OSError):
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
    raise UsageError(f"{words[0]!r} is neither a command nor a file (see ike-analyzer --help)")


def analyze(arguments: argparse.Namespace) -> int:
    """``analyze FILE...``: verdict, ladder and findings of each capture."""
    if arguments.plot is not None:
        _check_plot(arguments.plot, arguments.files)
    statuses: list[int] = []
    printed = 0

    def problem(error: InputError) -> None:
        _complain(error)
        statuses.append(USAGE_ERROR)

    for path in arguments.files:
        try:
            captures = analyzer.read_each(
                path, ports=arguments.port, mtu=arguments.mtu, sha256=arguments.json, problem=problem
            )
            for capture in captures:
                if arguments.plot is not None:
                    _plot(capture, arguments)
                _print(capture, arguments, first=printed == 0)
                printed += 1
                statuses.append(capture.verdict.exit_status)
        except InputError as error:
            if len(arguments.files) == 1:
                raise
            problem(error)
    return next(status for status in _GRAVITY if status in statuses)


def _check_plot(out: str, files: Sequence[str]) -> None:
    if len(files) > 1:
        raise UsageError("--plot draws one capture: give one FILE")
    with contextlib.suppress(OSError, ValueError):  # one of them does not exist: said later, where it matters
        if os.path.samefile(out, files[0]):
            raise UsageError(f"--plot {out!r} would overwrite the capture: give another name")


def _plot(capture: Capture, arguments: argparse.Namespace) -> None:
    import logging

    if capture.is_inside:
        raise UsageError("--plot draws one capture, and this is an archive: unpack it and give one FILE")
    # It remarks on its cache and its settings: nothing that concerns the capture.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    capture.plot(arguments.plot)


def explain(arguments: argparse.Namespace) -> int:
    """``explain WHAT``: the page of a rule, a verdict or a Windows error code, or the script of its remedy."""
    from analyzer.report import rule_page

    sys.stdout.write(rule_page.script(arguments.what) if arguments.script else rule_page.explain(arguments.what))
    return 0


def rules(arguments: argparse.Namespace) -> int:
    """``rules``: all rules as a table."""
    from analyzer.report import rule_table

    sys.stdout.write(rule_table.as_json() + "\n" if arguments.json else rule_table.as_text())
    return 0


def validate(arguments: argparse.Namespace) -> int:
    """``validate FILE``: the check after the fix."""
    from analyzer.report import validation_text

    capture = analyzer.read(arguments.file, ports=arguments.port)
    validation = analyzer.validate(capture, arguments.subject)
    if arguments.json:
        print(validation_text.as_json(capture, validation))
    else:
        sys.stdout.write(validation_text.as_text(capture, validation))
    return validation.exit_status


def compare(arguments: argparse.Namespace) -> int:
    """``compare CLIENT SERVER``: two captures of the same attempt."""
    from analyzer.report import comparison_text

    if "-" in (arguments.client, arguments.server):
        raise UsageError("compare reads two files: give their names")
    both = analyzer.compare(
        analyzer.read(arguments.client, ports=arguments.port), analyzer.read(arguments.server, ports=arguments.port)
    )
    if arguments.json:
        print(comparison_text.as_json(both))
    else:
        sys.stdout.write(comparison_text.as_text(both))
    return both.verdict.exit_status


def doctor(arguments: argparse.Namespace) -> int:
    """``doctor``: is everything here that the tool needs?"""
    from analyzer.doctor import as_text, examine, is_healthy

    findings = list(examine())
    sys.stdout.write(as_text(findings))
    return 0 if is_healthy(findings) else 1


def guide(arguments: argparse.Namespace) -> int:
    """``guide``: how to take a good trace."""
    from importlib.resources import files

    sys.stdout.write(files("analyzer.report").joinpath("capture_guide.md").read_text(encoding="utf-8"))
    return 0


def _print(capture: Capture, arguments: argparse.Namespace, *, first: bool) -> None:
    if arguments.json:
        from analyzer.report.json_report import json_parts

        sys.stdout.writelines(json_parts(capture))
        sys.stdout.write("\n")
        return
    if not first:
        print("\n" + "=" * 110 + "\n")
    sys.stdout.write(capture.text())
    if arguments.plot is not None:
        from analyzer.capture.text import printable

        print(f"\nPlot: {printable(arguments.plot)}")


def _complain(error: AnalyzerError) -> None:
    """One line; where even that cannot be written, the exit status is left to tell."""
    if sys.stderr is None:
        return
    try:
        print(f"ike-analyzer: {error}", file=sys.stderr, flush=True)
    except OSError:
        _drop(sys.stderr)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other error here; ``--help`` says the rest."""

    def error(self, message: str) -> NoReturn:
        from analyzer.capture.text import printable

        raise UsageError(f"{printable(message)} (see {self.prog} --help)")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """argparse hides that its help cannot be written, as on a full disk."""
        (file or sys.stdout).write(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="ike-analyzer",
        description="Says why an IKEv2 VPN connection failed, from a packet capture.",
        epilog=_EXIT_STATUS,
    )
    parser.add_argument("--version", action="version", version=f"ike-analyzer {analyzer.__version__}")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    one = verbs.add_parser(
        "analyze", help="say what happened in one or more captures", description=_ANALYZE, epilog=_EXIT_STATUS
    )
    one.add_argument(
        "files", nargs="+", metavar="FILE", help="a capture, or a .zip or .tar with captures; - is standard input"
    )
    one.add_argument("--json", action="store_true", help="print one JSON object for each file (ike-analyzer/report/1)")
    one.add_argument("--plot", metavar="OUT", help="draw packet size versus MTU into OUT (.png or .svg)")
    one.add_argument("--mtu", type=int, metavar="N", help="the path MTU in bytes, if you know it")
    _port(one)
    one.set_defaults(run=analyze)

    one = verbs.add_parser(
        "validate", help="check a trace that was taken after the fix", description=_VALIDATE, epilog=_EXIT_STATUS
    )
    one.add_argument("file", metavar="FILE", help="pcap or pcapng; - is standard input")
    which = one.add_mutually_exclusive_group()
    for subject in ("client", "server"):
        which.add_argument(
            f"--{subject}",
            dest="subject",
            action="store_const",
            const=subject,
            default="both",
            help=f"check only what the {subject} does, and what both reach",
        )
    one.add_argument("--json", action="store_true", help="print one JSON object (ike-analyzer/validation/1)")
    _port(one)
    one.set_defaults(run=validate)

    one = verbs.add_parser(
        "compare", help="lay two captures of the same attempt side by side", description=_COMPARE, epilog=_EXIT_STATUS
    )
    one.add_argument("client", metavar="CLIENT", help="the capture taken at the client")
    one.add_argument("server", metavar="SERVER", help="the capture taken at the server in the same minutes")
    one.add_argument("--json", action="store_true", help="print one JSON object (ike-analyzer/comparison/1)")
    _port(one)
    one.set_defaults(run=compare)

    one = verbs.add_parser("explain", help="what a rule, a verdict or a Windows error code means")
    one.add_argument("what", metavar="RULE|VERDICT|CODE", help="FRG001, udp-4500-blocked, 809, 0x800B0109")
    one.add_argument(
        "--script", action="store_true", help="print the remedy as a script that asks before it acts (FRG004: RRAS)"
    )
    one.set_defaults(run=explain)

    one = verbs.add_parser("rules", help="all rules as a table")
    one.add_argument("--json", action="store_true", help="print one JSON object (ike-analyzer/rules/1)")
    one.set_defaults(run=rules)

    one = verbs.add_parser("guide", help="how to take a good trace")
    one.set_defaults(run=guide)

    one = verbs.add_parser(
        "doctor", help="is everything here that the tool needs", epilog="Exit status: 0 usable, 1 something is missing."
    )
    one.set_defaults(run=doctor)
    return parser


def _port(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=int, action="append", default=[], metavar="N", help="also look for IKE on port N (repeatable)"
    )


if __name__ == "__main__":
    sys.exit(main())
