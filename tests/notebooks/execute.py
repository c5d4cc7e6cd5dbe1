"""Executes a notebook in this environment and keeps of its outputs only what is the same each time.

    python -m tests.notebooks.execute notebooks/*.ipynb

writes the outputs into the files, so that GitHub shows them.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 120  # for a cell
#: Around the cells: warnings are errors in them, and in them only (the kernel has warnings of its own when it ends).
_STRICT = "import warnings\nwarnings.simplefilter('error')"
_LENIENT = "warnings.resetwarnings()\nwarnings.simplefilter('ignore')"
#: Colours of a picture: enough for a plot, and a third of the bytes.
_COLOURS = 256


def execute(path: Path) -> Any:
    """Run every cell, in the notebook's own folder, with warnings as errors.

    Parameters
    ----------
    path : Path
        The notebook. It is not changed.

    Returns
    -------
    nbformat.NotebookNode
        The notebook with fresh outputs, tidied.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell raised.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, _environment(Path(folder))):
        strict, lenient = nbformat.v4.new_code_cell(_STRICT), nbformat.v4.new_code_cell(_LENIENT)
        client = NotebookClient(
            nbformat.v4.new_notebook(cells=[strict, *notebook.cells, lenient], metadata=notebook.metadata),
            timeout=_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            record_timing=False,
        )
        done = client.execute()
    done.cells = done.cells[1:-1]
    return tidied(done)


def tidied(notebook: Any) -> Any:
    """Without what differs from machine to machine (counts, versions, times of execution), and with small pictures."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    count = 0
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
            output.pop("transient", None)
            if output.output_type in ("execute_result", "display_data"):
                output.metadata = {}
                if "image/png" in output.data:
                    output.data["image/png"] = _smaller(output.data["image/png"])
    return notebook


def _smaller(picture: str) -> str:
    """A PNG (base64) with a palette; one that has a palette already stays as it is."""
    image = Image.open(BytesIO(base64.b64decode(picture)))
    if image.mode == "P":
        return picture
    small = BytesIO()
    image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return base64.b64encode(small.getvalue()).decode("ascii")


def _environment(folder: Path) -> dict[str, str]:
    """A kernel named python3 that is this very Python, the package importable, nothing of the user's own setup."""
    kernel = folder / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "JUPYTER_DATA_DIR": str(folder),
        "JUPYTER_PATH": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(folder / "matplotlib")),
        "PYTHONPATH": os.pathsep.join(paths),
        # Debuggers of frozen modules are not wanted here, nor is their warning.
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        nbformat.write(execute(Path(name)), name)
        print(name)
