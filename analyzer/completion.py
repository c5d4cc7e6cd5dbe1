"""Completion for shells, made from the parser itself, so that it knows every command and option that there is.

Each script completes the command, then its options, the words that an option or argument may be, and else files.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass

NAME = "ike-analyzer"


@dataclass(frozen=True, slots=True)
class Option:
    """An option: its names, what is said of it, whether a value follows, and which values there are (empty: any)."""

    names: tuple[str, ...]
    help: str
    has_value: bool
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command: options, the words that its argument may be (empty: files), whether it takes arguments at all."""

    name: str
    help: str
    options: tuple[Option, ...]
    words: tuple[str, ...]
    takes_files: bool


def commands_of(parser: argparse.ArgumentParser) -> tuple[Command, ...]:
    """The commands of a parser.

    Examples
    --------
    >>> from analyzer.arguments import parser
    >>> [command.name for command in commands_of(parser())][:3]
    ['analyze', 'validate', 'compare']
    """
    (verbs,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    helps = {choice.dest: choice.help or "" for choice in verbs._choices_actions}
    return tuple([_command(name, helps.get(name, ""), one) for name, one in verbs.choices.items()])


def _command(name: str, help: str, parser: argparse.ArgumentParser) -> Command:
    options, words, takes_files = [], list[str](), False
    for action in parser._actions:
        values = tuple(map(str, action.choices or ()))
        if action.option_strings:
            has_value = action.nargs != 0
            options.append(Option(tuple(action.option_strings), action.help or "", has_value, values))
        elif action.dest == "what":
            words += _explained()
        elif values:
            words += values
        else:
            takes_files = True
    return Command(name, help, tuple(options), tuple(words), takes_files)


def _explained() -> list[str]:
    """What ``explain`` knows."""
    from analyzer.ike.registry.windows_errors import all_errors
    from analyzer.rules.catalogue import causes

    codes = [name for cause in causes().values() for name in (cause.code, cause.id)]
    return [*codes, "cannot-tell", *(error.name for error in all_errors().values())]


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The script of a shell.

    Parameters
    ----------
    shell : str
        One of :data:`analyzer.arguments.SHELLS`.
    parser : argparse.ArgumentParser
        Of the command line.
    """
    return {"bash": _bash, "zsh": _zsh, "fish": _fish, "powershell": _powershell}[shell](commands_of(parser))


def _names(command: Command) -> list[str]:
    return [name for option in command.options for name in option.names]


def _bash(commands: tuple[Command, ...]) -> str:
    def among(words: Iterable[str]) -> str:
        return f'$(IFS=" "; compgen -W "{" ".join(words)}" -- "$cur")'

    files = '$(compgen -f -- "$cur")'
    cases, valued = [], []
    for command in commands:
        for option in command.options:
            if option.has_value:
                names = "|".join(f"{command.name}:{name}" for name in option.names)
                valued.append(f"    {names}) COMPREPLY=({among(option.values) if option.values else files}); return ;;")
        words = among([*_names(command), *command.words])
        cases.append(f"    {command.name}) COMPREPLY=({words}{f' {files}' if command.takes_files else ''}) ;;")
    verbs = [*(command.name for command in commands), "--help", "--version"]
    lines = [
        f"# Completion of {NAME} for bash: source <({NAME} completion bash)",
        "_ike_analyzer() {",
        '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" verb="${COMP_WORDS[1]}"',
        "  local IFS=$'\\n'  # names of files may hold spaces",
        '  if [ "$COMP_CWORD" -eq 1 ]; then',
        f"    COMPREPLY=({among(verbs)} {files})",
        "    return",
        "  fi",
        '  case "$verb:$prev" in',
        *valued,
        "  esac",
        '  case "$verb" in',
        *cases,
        f"    *) COMPREPLY=({files}) ;;",
        "  esac",
        "}",
        f"complete -o filenames -F _ike_analyzer {NAME}",
    ]
    return "\n".join(lines) + "\n"


def _zsh(commands: tuple[Command, ...]) -> str:
    verbs = [f"    {_quoted(f'{command.name}:{command.help}')}" for command in commands]
    cases = []
    for command in commands:
        arguments = []
        for option in command.options:
            value = (
                f":value:({' '.join(option.values)})" if option.values else ":value:_files" if option.has_value else ""
            )
            arguments += [_quoted(f"{name}[{_plain(option.help)}]{value}") for name in option.names]
        if command.words:
            arguments.append(_quoted(f"*:what:({' '.join(command.words)})"))
        if command.takes_files:
            arguments.append(_quoted("*:file:_files"))
        cases.append(f"    {command.name}) _arguments {' '.join(arguments)} ;;")
    lines = [
        f"#compdef {NAME}",
        f"# Completion of {NAME} for zsh: in a file named _{NAME} in a folder of $fpath",
        "_ike_analyzer() {",
        "  local -a verbs",
        "  verbs=(",
        *verbs,
        "  )",
        "  if (( CURRENT == 2 )); then",
        "    _describe command verbs",
        "    _files",
        "    return",
        "  fi",
        "  local verb=${words[2]}",
        "  (( CURRENT-- ))",
        "  shift words",
        "  case $verb in",
        *cases,
        "    *) _files ;;",
        "  esac",
        "}",
        # As a file of $fpath it is the function itself; sourced, it announces itself.
        f'if [ "$funcstack[1]" = "_{NAME}" ]; then',
        '  _ike_analyzer "$@"',
        "else",
        f"  compdef _ike_analyzer {NAME}",
        "fi",
    ]
    return "\n".join(lines) + "\n"


def _fish(commands: tuple[Command, ...]) -> str:
    lines = [f"# Completion of {NAME} for fish: {NAME} completion fish | source"]
    for command in commands:
        say = f"complete -c {NAME}"
        lines.append(f"{say} -n __fish_use_subcommand -a {command.name} -d {_quoted(command.help)}")
        within = f"{say} -n '__fish_seen_subcommand_from {command.name}'"
        for option in command.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            value = f" -x -a {_quoted(' '.join(option.values))}" if option.values else " -r" if option.has_value else ""
            lines.append(f"{within} {names}{value} -d {_quoted(_plain(option.help))}")
        if command.words:
            lines.append(f"{within} -f -a {_quoted(' '.join(command.words))}")
    return "\n".join(lines) + "\n"


def _powershell(commands: tuple[Command, ...]) -> str:
    words = []
    for command in commands:
        listed = ", ".join(f"'{word}'" for word in (*_names(command), *command.words))
        words.append(f"        '{command.name}' = @({listed})")
    values = []
    for command in commands:
        for option in command.options:
            listed = ", ".join(f"'{value}'" for value in option.values)
            if listed:
                values += [f"        '{command.name} {name}' = @({listed})" for name in option.names]
    verbs = ", ".join(f"'{command.name}'" for command in commands)
    lines = [
        f"# Completion of {NAME} for PowerShell: {NAME} completion powershell | Out-String | Invoke-Expression",
        f"Register-ArgumentCompleter -Native -CommandName {NAME} -ScriptBlock {{",
        "    param($wordToComplete, $commandAst, $cursorPosition)",
        "    $words = @{",
        *words,
        "    }",
        "    $values = @{",
        *values,
        "    }",
        "    $typed = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })",
        "    if ($wordToComplete) { $typed = @($typed | Select-Object -First ($typed.Count - 1)) }",
        f"    $found = @({verbs}, '--help', '--version')",
        "    if ($typed.Count -gt 1) {",
        "        $found = $values[$typed[1] + ' ' + $typed[-1]]",
        "        if (-not $found) { $found = $words[$typed[1]] }",
        "    }",
        '    $found | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {',
        "        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)",
        "    }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """For a shell, in single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"


def _plain(text: str) -> str:
    """Without what zsh takes for itself in a description."""
    return text.replace("[", "(").replace("]", ")").replace(":", ",")
