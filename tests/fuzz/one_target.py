"""Fuzz one target in this process: ``python -m tests.fuzz.one_target NAME [libFuzzer's options and folders]``."""

from __future__ import annotations

import os
import sys


def main() -> None:
    # Here, so that the suite, which looks into every module, does without atheris.
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

    # Nothing that the fuzzer finds may start a program (editcap); what is imported now is instrumented.
    os.environ["PATH"] = ""
    with atheris.instrument_imports(include=["analyzer", "dpkt", "zipfile"]):
        from tests.fuzz.targets import TARGETS

    target = TARGETS[sys.argv.pop(1)]
    target(b"")
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
