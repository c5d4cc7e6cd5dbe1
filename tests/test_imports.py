"""What is imported when, and who may import whom (the design's layers, read from the source)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: Packages that take their time to be imported.
HEAVY = ("dpkt", "matplotlib", "numpy", "pandas", "pyshark")

REPORT = """
import sys
print("imported:", *sorted(name for name in sys.modules if name in {heavy}))
"""


def imported_by(code: str) -> set[str]:
    """The heavy packages that a fresh interpreter holds after running some code."""
    run = subprocess.run(
        [sys.executable, "-c", code + REPORT.format(heavy=HEAVY)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(run.stdout.splitlines()[-1].split()[1:])


class TestWhen:
    def test_the_package_costs_nothing(self):
        assert imported_by("import analyzer") == set()

    def test_nor_does_help(self):
        assert imported_by("from analyzer.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass") == set()

    @pytest.mark.parametrize("options", ["", ", '--json'", ", '--mtu', '1400', '--port', '10500'"])
    def test_a_report_needs_neither_pandas_nor_matplotlib(self, options):
        code = f"from analyzer.cli import main\nmain(['analyze', 'sample_pcaps/809-fragments-lost.pcapng'{options}])"
        assert imported_by(code) == {"dpkt", "numpy"}

    def test_what_is_not_shown_is_not_read_by_dpkt(self):
        code = "import analyzer\nassert analyzer.read('sample_pcaps/809-fragments-lost.pcapng').verdict.sa == 1"
        assert imported_by(code) == {"numpy"}

    def test_a_frame_needs_pandas(self):
        code = "import analyzer\nanalyzer.read('sample_pcaps/connected-ok.pcapng').messages"
        assert imported_by(code) == {"numpy", "pandas"}

    def test_a_plot_needs_matplotlib(self, tmp_path):
        code = (
            "from analyzer.cli import main\n"
            f"main(['analyze', 'sample_pcaps/connected-ok.pcapng', '--plot', {str(tmp_path / 'out.png')!r}])"
        )
        assert imported_by(code) >= {"matplotlib"}

    def test_every_public_name_can_be_had(self):
        code = "import analyzer\nfor name in analyzer.__all__: getattr(analyzer, name)"
        assert imported_by(code) == {"numpy"}


@cache
def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted((ROOT / "analyzer").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def statements(tree: ast.AST, *, deferred: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements; those in functions and under ``if TYPE_CHECKING`` only when they are asked for."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif deferred or not is_deferred(node):
            yield from statements(node, deferred=deferred)


def is_deferred(node: ast.AST) -> bool:
    """What a module does not run when it is imported."""
    for_types_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    return for_types_only or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def imports(module: str, *, deferred: bool = False) -> set[str]:
    """The project's own modules that a module imports; ``from package import module`` names the module."""
    found: set[str] = set()
    for node in statements(modules()[module], deferred=deferred):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            assert node.level == 0, f"{module}: imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in modules() else str(node.module))
    return {name for name in found if name in modules()} - {module}


def part(module: str) -> str:
    """``capture`` of ``analyzer.formats.pcap``."""
    return (module.split(".") + [""])[1]


#: What lies below all parts.
GROUND = {
    "cached_property",
    "columns",
    "errors",
    "printable",
    "programs",
    "protocol",
    "signals",
    "timestamp",
    "version",
}
#: What each part may import besides itself and the ground. Data flows from left to right; nothing looks back.
LAYERS = {
    **{part: set() for part in sorted(GROUND)},
    "links": set(),
    "formats": {"links"},
    "packets": {"formats", "links"},
    "ike": {"formats", "links", "packets"},
    "relate": {"formats", "ike", "links", "packets"},
    "remedies": set(),
    "rules": {"formats", "ike", "links", "packets", "relate", "remedies"},
    "analysis": {"formats", "ike", "packets", "relate", "rules"},
    "frames": {"analysis", "formats", "ike", "packets", "relate"},
    "comparison": {"analysis", "formats", "ike", "packets", "relate", "rules"},
    "validation": {"analysis", "ike", "packets", "relate", "rules"},
    "report": {
        *("analysis", "comparison", "formats", "frames", "ike", "packets"),
        *("relate", "remedies", "rules", "validation"),
    },
    "capture": {"analysis", "comparison", "formats", "frames", "ike", "report", "rules", "validation"},
}
#: What only the command line uses.
TOP = {"", "__main__", "arguments", "cli", "completion", "doctor", "suggestions"}


class TestWho:
    def test_the_source_is_read(self):
        assert len(modules()) > 60
        assert "analyzer.relate.build" in imports("analyzer.analysis")
        assert "analyzer.report.outputs" in imports("analyzer.capture", deferred=True) - imports("analyzer.capture")

    @pytest.mark.parametrize("layer", sorted(LAYERS))
    def test_nothing_looks_back(self, layer):
        allowed = LAYERS[layer] | {layer} | GROUND
        for module in modules():
            if part(module) == layer:
                for other in imports(module, deferred=True):
                    assert part(other) in allowed, f"{module} imports {other}"

    def test_every_part_has_a_layer(self):
        assert {part(m) for m in modules()} - set(LAYERS) <= TOP

    def test_rules_import_no_other_rule(self):
        rules = {m for m in modules() if any(c.isdigit() for c in m) and part(m) == "rules"}
        assert len(rules) >= 18
        for rule in rules:
            assert not imports(rule, deferred=True) & rules, rule

    def test_no_circle(self):
        """Imports for types only and inside functions count like the others."""
        TopologicalSorter({m: imports(m, deferred=True) for m in modules()}).prepare()  # CycleError names the circle

    def test_pandas_is_for_frames_and_matplotlib_for_plots(self):
        for module, tree in modules().items():
            for node in statements(tree, deferred=False):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else [str(node.module)]
                for name in names:
                    package = name.split(".")[0]
                    if package == "pandas":
                        assert part(module) == "frames" or module.startswith("analyzer.report.plot."), module
                    if package == "matplotlib":
                        assert module.startswith("analyzer.report.plot."), module
                    assert package != "pyshark", module


class TestRelate:
    """What is seen lies below what is inferred; imports for types only and inside functions count like the others."""

    def inside(self) -> dict[str, set[str]]:
        relate = [m for m in modules() if m.startswith("analyzer.relate")]
        return {m: {other for other in imports(m, deferred=True) if other in relate} for m in relate}

    def test_the_source_is_read(self):
        graph = self.inside()
        assert "analyzer.relate.seen.exchange" in graph["analyzer.relate.inferred.side"]
        assert "analyzer.relate.inferred.side" in graph["analyzer.relate.sa"]

    def test_what_is_seen_knows_nothing_of_what_is_inferred(self):
        for module, others in self.inside().items():
            if module.startswith("analyzer.relate.seen"):
                assert {m for m in others if not m.startswith("analyzer.relate.seen")} == set(), module

    def test_no_inference_knows_the_ike_sa(self):
        for module, others in self.inside().items():
            if module.startswith("analyzer.relate.inferred"):
                assert not others & {"analyzer.relate.sa", "analyzer.relate.build"}, module
