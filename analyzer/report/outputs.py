"""The outputs of an analysis, a line each: what the command offers as ``--NAME``, and :meth:`Capture.output` by name.

A new one is a file with a function from :class:`analyzer.analysis.Analysis` to the parts of a text, and a line here.
It is imported when it is asked for.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing: the command's help reads this file, and imports as little as it can
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from analyzer.analysis import Analysis
    from analyzer.report.layout import Layout


class Output:
    """One output.

    Attributes
    ----------
    name, function : str
        What it is called; ``module:function``, which gives the whole text, its last end of line included, in parts.
    help : str
        What the command says of it.
    between : str
        Stands between the texts of several captures.
    short : str
        A short option beside ``--NAME``, such as ``-q``.
    error : str
        ``module:function``, which says instead that a file (by its path) cannot be read, and why.
    is_laid_out : bool
        Its function takes a :class:`analyzer.report.layout.Layout` as well.
    """

    def __init__(
        self,
        name: str,
        function: str,
        help: str = "",
        between: str = "",
        short: str = "",
        *,
        error: str = "",
        is_laid_out: bool = False,
    ) -> None:
        self.name, self.function, self.help, self.between = name, function, help, between
        self.short, self.error, self.is_laid_out = short, error, is_laid_out

    def parts(self, analysis: Analysis, layout: Layout | None = None) -> Iterable[str]:
        """The text, in parts to be written one after another."""
        print_it = _function(self.function)
        made: Iterable[str] = print_it(analysis, layout) if layout and self.is_laid_out else print_it(analysis)
        return made

    def unreadable(self, path: str, why: str) -> str:
        """What stands for a file that cannot be read; empty where that is said on standard error only."""
        return str(_function(self.error)(path, why)) if self.error else ""


def _function(name: str) -> Callable[..., Any]:
    from importlib import import_module

    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found


#: The first one is what is printed where none is named.
OUTPUTS = (
    Output("text", "analyzer.report.text:parts", between="\n" + "=" * 110 + "\n\n", is_laid_out=True),
    Output(
        "json",
        "analyzer.report.json_report:parts",
        "print one JSON object for each file (ike-analyzer/report/2)",
        error="analyzer.report.json_report:error_line",
    ),
    Output("quiet", "analyzer.report.one_line:parts", "one line for each capture: file, verdict, sentence", short="-q"),
)


def output(name: str) -> Output:
    """The output of a name.

    Raises
    ------
    UsageError
        There is none.

    Examples
    --------
    >>> from analyzer.analysis import analyse
    >>> next(iter(output("text").parts(analyse("sample_pcaps/connected-ok.pcapng")))).split("\\n")[0][:40]
    'connected-ok.pcapng: 79 packets, 6 IKE m'
    >>> output("fax")
    Traceback (most recent call last):
    analyzer.errors.UsageError: no output 'fax': there are text, json, quiet
    """
    for one in OUTPUTS:
        if one.name == name:
            return one
    from analyzer.errors import UsageError

    raise UsageError(f"no output {name!r}: there are {', '.join(one.name for one in OUTPUTS)}")
