"""What the analyzer says of a capture beside what is true of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sample_pcaps.lab.live.truth import NONE

#: Facts that a second run of the same scenario must show again; lengths of signatures differ by a few bytes.
LASTING = ("skf_total", "ip_fragments")


def differences(
    truth: Mapping[str, Any], report: Mapping[str, Any], exit_status: int, *, lasting: bool = False
) -> list[str]:
    """Say what an analysis gets wrong.

    Parameters
    ----------
    truth : dict
        ``captures.POINT`` of the manifest.
    report : dict
        The JSON report (docs/json-report.md).
    exit_status : int
        That of ``ike-analyzer analyze``.
    lasting : bool
        Whether the truth is of another run of the same scenario: SPIs, lengths and times sent are not compared.

    Returns
    -------
    list of str
        One line each; empty when all is right.

    Examples
    --------
    >>> report = {"verdict": {"id": "connected-ok", "confidence": "strong"}, "sas": []}
    >>> differences({"verdict": ["auth-failed"], "exit": 1}, report, 0)
    ['verdict connected-ok (strong), true is auth-failed', 'exit status 0, true is 1']
    """
    wrong = []
    verdict, true = report["verdict"], truth["verdict"]
    if verdict["id"] not in true:
        wrong.append(f"verdict {verdict['id']} ({verdict['confidence']}), true is {' or '.join(true)}")
    exits = truth["exit"] if isinstance(truth["exit"], list) else [truth["exit"]]
    if exit_status not in exits:
        wrong.append(f"exit status {exit_status}, true is {' or '.join(map(str, exits))}")
    sas = report["sas"]
    if "sas" in truth and (said := dict(Counter(sa["verdict"]["id"] for sa in sas))) != truth["sas"]:
        wrong.append(f"verdicts of IKE SAs {said}, true is {truth['sas']}")
    spis = [pair[0] for pair in truth.get("spis", [])]
    if spis and not lasting and sorted(sa["spi_i"] for sa in sas) != sorted(spis):
        wrong.append(f"IKE SAs {sorted(sa['spi_i'] for sa in sas)}, true is {sorted(spis)}")
    first = next((sa for sa in sas if lasting or sa["spi_i"] in spis[:1] or not spis), None)
    if first is not None:
        wrong += _of_sa(truth, first, lasting)
    return wrong


def _of_sa(truth: Mapping[str, Any], sa: Mapping[str, Any], lasting: bool) -> list[str]:
    wrong = []
    if "fragmentation" in truth and sa["fragmentation"] != truth["fragmentation"]:
        wrong.append(f"fragmentation {sa['fragmentation']}, true is {truth['fragmentation']}")
    for kind in ("request", "response"):
        true, said = truth.get(kind), sa["ike_auth"][kind]
        if true is None:
            continue
        if true == NONE or said is None:
            if (true == NONE) != (said is None):
                wrong.append(f"IKE_AUTH {kind} {said}, true is {true}")
            continue
        for fact, value in true.items():
            if (fact in LASTING or not lasting) and said[fact] != value:
                wrong.append(f"IKE_AUTH {kind}: {fact} {said[fact]}, true is {value}")
    return wrong
