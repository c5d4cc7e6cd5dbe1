"""The words of the command line: commands, options, help."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, NoReturn

import analyzer
from analyzer.errors import UsageError
from analyzer.report.outputs import OUTPUTS

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

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


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other error here; ``--help`` says the rest."""

    def error(self, message: str) -> NoReturn:
        from analyzer.printable import printable

        raise UsageError(f"{printable(message)} (see {self.prog} --help)")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """argparse hides that its help cannot be written, as on a full disk."""
        (file or sys.stdout).write(message)


def parser() -> argparse.ArgumentParser:
    """The parser; what it makes of the words names the command in ``verb``."""
    whole = _Parser(
        prog="ike-analyzer",
        description="Says why an IKEv2 VPN connection failed, from a packet capture.",
        epilog=_EXIT_STATUS,
    )
    whole.add_argument("--version", action="version", version=f"ike-analyzer {analyzer.__version__}")
    verbs = whole.add_subparsers(title="commands", metavar="COMMAND", dest="verb", required=True)

    one = verbs.add_parser(
        "analyze", help="say what happened in one or more captures", description=_ANALYZE, epilog=_EXIT_STATUS
    )
    one.add_argument(
        "files", nargs="+", metavar="FILE", help="a capture, or a .zip or .tar with captures; - is standard input"
    )
    usual, *others = OUTPUTS
    one.set_defaults(output=usual.name)
    for output in others:
        one.add_argument(f"--{output.name}", dest="output", action="store_const", const=output.name, help=output.help)
    one.add_argument("--plot", metavar="OUT", help="draw packet size versus MTU into OUT (.png or .svg)")
    one.add_argument("--mtu", type=int, metavar="N", help="the path MTU in bytes, if you know it")
    _port(one)

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

    one = verbs.add_parser(
        "compare", help="lay two captures of the same attempt side by side", description=_COMPARE, epilog=_EXIT_STATUS
    )
    one.add_argument("client", metavar="CLIENT", help="the capture taken at the client")
    one.add_argument("server", metavar="SERVER", help="the capture taken at the server in the same minutes")
    one.add_argument("--json", action="store_true", help="print one JSON object (ike-analyzer/comparison/1)")
    _port(one)

    one = verbs.add_parser("explain", help="what a rule, a verdict or a Windows error code means")
    one.add_argument("what", metavar="RULE|VERDICT|CODE", help="FRG001, udp-4500-blocked, 809, 0x800B0109")
    one.add_argument(
        "--script", action="store_true", help="print the remedy as a script that asks before it acts (FRG004: RRAS)"
    )

    one = verbs.add_parser("rules", help="all rules as a table")
    one.add_argument("--json", action="store_true", help="print one JSON object (ike-analyzer/rules/1)")

    verbs.add_parser("guide", help="how to take a good trace")

    verbs.add_parser(
        "doctor", help="is everything here that the tool needs", epilog="Exit status: 0 usable, 1 something is missing."
    )
    return whole


def _port(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--port", type=int, action="append", default=[], metavar="N", help="also look for IKE on port N (repeatable)"
    )
