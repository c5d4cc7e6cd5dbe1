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
    "The check after the fix: both sides announce IKE fragmentation (notify 16430), no IKE_AUTH goes in IP fragments, "
    "and IKE_AUTH is answered. Each check passes, fails, or cannot be told from this trace."
)
_COMPARE = (
    "Matches IKE SAs by SPI and messages by content, compares the clocks, and says which packet was lost in which "
    "direction, why, and what to do."
)
_COMPLETION = (
    "Prints a script that completes commands, options and rule codes. bash: source <(ike-analyzer completion bash), or "
    "put that line into ~/.bashrc. zsh: write it to a file named _ike-analyzer in a folder of $fpath. fish: "
    "ike-analyzer completion fish | source. PowerShell: ike-analyzer completion powershell | Out-String | "
    "Invoke-Expression."
)
_EXIT_STATUS = "Exit status: 0 healthy, 1 a blocking or degrading finding, 2 usage or input error, 3 cannot tell."


#: Systems for which guide prints a script, and shells that can be completed.
SCRIPTS = ("windows", "linux")
SHELLS = ("bash", "zsh", "fish", "powershell")


class _Help(argparse.HelpFormatter):
    """Leaves room for the longest command: argparse forgets that commands are indented."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 14


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other error here; ``--help`` says the rest."""

    def error(self, message: str) -> NoReturn:
        from analyzer.printable import printable

        raise UsageError(f"{printable(message)}{self._meant(message)} (see {self.prog} --help)")

    def _meant(self, message: str) -> str:
        """The option that a mistyped one is near to."""
        from analyzer.suggestions import did_you_mean

        _, unknown, words = message.partition("unrecognized arguments: ")
        if not unknown:
            return ""
        known = [option for action in self._known() for option in action.option_strings]
        return did_you_mean(words.split()[0].split("=")[0], known)

    def _known(self) -> list[argparse.Action]:
        """Its own actions; argparse tells of a mistyped option in the name of the whole, not of the command."""
        parsers = [action.choices for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return [action for one in (self, *(p for ps in parsers for p in ps.values())) for action in one._actions]

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """argparse hides that its help cannot be written, as on a full disk."""
        (file or sys.stdout).write(message)


def parser() -> argparse.ArgumentParser:
    """The parser; what it makes of the words names the command in ``verb``."""
    whole = _Parser(
        prog="ike-analyzer",
        description="Says why an IKEv2 VPN connection failed, from a packet capture.",
        epilog=_EXIT_STATUS,
        formatter_class=_Help,
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
    how = one.add_mutually_exclusive_group()
    for output in others:
        names = [name for name in (output.short, f"--{output.name}") if name]
        how.add_argument(*names, dest="output", action="store_const", const=output.name, help=output.help)
    how.add_argument(
        "-v", "--verbose", action="store_true", help="all that was found, also what did not decide; remedies in full"
    )
    one.add_argument("--plot", metavar="OUT", help="draw packet size versus MTU into OUT (.png or .svg)")
    one.add_argument("--mtu", type=int, metavar="N", help="the path MTU in bytes, if you know it")
    _which(one)
    _port(one)
    _colour(one)

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
    one.add_argument("--before", metavar="OLD", help="the trace from before the fix: also tell what has changed")
    one.add_argument("--json", action="store_true", help="print one JSON object (ike-analyzer/validation/1)")
    _port(one)
    _colour(one)

    one = verbs.add_parser(
        "compare", help="lay two captures of the same attempt side by side", description=_COMPARE, epilog=_EXIT_STATUS
    )
    one.add_argument("client", metavar="CLIENT", help="the capture taken at the client")
    one.add_argument("server", metavar="SERVER", help="the capture taken at the server in the same minutes")
    one.add_argument("--json", action="store_true", help="print one JSON object (ike-analyzer/comparison/1)")
    _port(one)
    _colour(one)

    one = verbs.add_parser("explain", help="what a rule, a verdict or a Windows error code means")
    one.add_argument("what", metavar="RULE|VERDICT|CODE", help="FRG001, udp-4500-blocked, 809, 0x800B0109")
    one.add_argument(
        "--script", action="store_true", help="print the remedy as a script that asks before it acts (FRG004: RRAS)"
    )

    one = verbs.add_parser("rules", help="all rules as a table")
    one.add_argument("--json", action="store_true", help="print one JSON object (ike-analyzer/rules/1)")

    one = verbs.add_parser("guide", help="how to take a good trace, or a script that takes it")
    one.add_argument(
        "--script", choices=SCRIPTS, help="print a script that captures, pings and collects logs, and stops by itself"
    )

    verbs.add_parser(
        "doctor", help="is everything here that the tool needs", epilog="Exit status: 0 usable, 1 something is missing."
    )
    one = verbs.add_parser("completion", help="completion for your shell", description=_COMPLETION)
    one.add_argument("shell", choices=SHELLS, help="which shell")
    return whole


def _colour(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto",
        help="colour: auto is on a terminal, unless NO_COLOR is set",
    )  # fmt: skip


def _which(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--sa", type=int, action="append", default=[], metavar="N", help="only IKE SA N of the report (repeatable)"
    )
    command.add_argument(
        "--client", metavar="ADDRESS", help="only IKE SAs of this client, or of a network (10.1.0.0/16)"
    )
    command.add_argument(
        "--between",
        nargs=2,
        metavar=("FROM", "TO"),
        help="only IKE SAs that were used between two times in UTC: 10:40 10:45:30",
    )


def _port(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--port", type=int, action="append", default=[], metavar="N", help="also look for IKE on port N (repeatable)"
    )
