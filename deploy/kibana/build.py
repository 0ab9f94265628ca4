"""Compiles the dashboards: *.yaml in this folder -> dashboards.ndjson, which is committed and packaged in the wheel.

    make kibana

kb-dashboard-cli needs Python 3.12, so it has its own environment (requirements.txt). This script runs in the project's.
Deterministic: the same sources give the same bytes.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy.kibana.finish import finished, ndjson
from hashtide.errors import HashtideError

HERE: Final = Path(__file__).parent
COMPILER: Final = HERE.parents[1] / ".venv-kibana" / "bin" / "kb-dashboard"
COMPILED: Final = HERE / "dashboards.ndjson"
COMPILE_S: Final = 120.0


class NotCompiled(HashtideError):
    """The dashboards cannot be compiled. The message has the compiler's output."""


def compiled(compiler: Path = COMPILER) -> str:
    """The content of dashboards.ndjson. Blocks. Raises NotCompiled."""
    for source in sorted(HERE.glob("*.yaml")):
        if re.search(r"^[^#\n]*\bfilter:", source.read_text(encoding="utf-8"), re.MULTILINE):
            raise NotCompiled(f"{source.name}: the compiler would lose `filter:`; write a formula with kql='...'")
    with tempfile.TemporaryDirectory(prefix="hashtide-kibana-") as folder:
        options = ["--input-dir", str(HERE), "--output-dir", folder, "--output-file", "all.ndjson"]
        try:
            done = subprocess.run(
                [str(compiler), "compile", *options], capture_output=True, text=True, timeout=COMPILE_S, check=False
            )
        except OSError as error:
            raise NotCompiled(f"{compiler}: {error.strerror}: run `make kibana`") from error
        except subprocess.TimeoutExpired:
            raise NotCompiled(f"{compiler} did not end within {COMPILE_S:.0f} s") from None
        if done.returncode != 0:
            raise NotCompiled(f"{compiler} failed:\n{done.stdout}{done.stderr}")
        lines = (Path(folder) / "all.ndjson").read_text(encoding="utf-8").splitlines()
    return ndjson(finished(json.loads(line) for line in lines))


def main() -> None:
    """Write dashboards.ndjson."""
    try:
        text = compiled()
    except NotCompiled as error:
        sys.exit(f"kibana: {error}")
    COMPILED.write_text(text, encoding="utf-8")
    print(f"{COMPILED.name}: {len(text.splitlines())} saved objects, {len(text.encode()):,} bytes")


if __name__ == "__main__":
    main()
