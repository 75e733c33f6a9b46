"""`make bench`: run every benchmark by itself and print what they found as one table.

A benchmark is a program in this folder. It prints a line of JSON for each finding:

    {"what": "cold start to first paint", "value": 1.18, "unit": "×", "than": "a bare Textual app",
     "aim": 1.25, "note": "412 ms against 349 ms"}

`aim` is what the value should not exceed and may be left out, as may `than` and `note`. What a
benchmark prints besides goes to the screen. Ratios hold on any machine, so they come first; a
figure in ms or MB belongs in the note, or is a finding without an aim. Programs whose name ends
in `_long` run only with `--long`; names given on the command line run only those.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_FOLDER = Path(__file__).parent
_OWN = {"run"}


def main() -> int:
    arguments = _parser().parse_args()
    console = Console(highlight=False)
    findings: list[dict[str, Any]] = []
    failed: list[str] = []
    for program in _programs(arguments.names, long=arguments.long):
        began = time.monotonic()
        console.print(f"… {program.stem}", style="dim")
        found, code = _run(program, console)
        findings += found
        if code != 0:
            failed.append(program.stem)
        console.print(f"  {time.monotonic() - began:.0f} s", style="dim")
    if findings:
        console.print(_table(findings))
    if failed:
        console.print(f"failed: {', '.join(failed)}", style="red")
    return bool(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Run Butler's benchmarks.")
    parser.add_argument("names", nargs="*", help="benchmarks to run; all of them by default")
    parser.add_argument("--long", action="store_true", help="also those that take minutes")
    return parser


def _programs(names: list[str], *, long: bool) -> list[Path]:
    there = {
        path.stem: path
        for path in sorted(_FOLDER.glob("*.py"))
        if path.stem not in _OWN and not path.stem.startswith("_")
    }
    unknown = [name for name in names if name not in there]
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(there)}")
    if names:
        return [there[name] for name in names]
    return [path for name, path in there.items() if long or not name.endswith("_long")]


def _run(program: Path, console: Console) -> tuple[list[dict[str, Any]], int]:
    findings: list[dict[str, Any]] = []
    command = [sys.executable, str(program)]
    environment = {**os.environ, "PYTHONPATH": str(_FOLDER.parent)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=_FOLDER.parent, env=environment
    ) as process:
        for line in process.stdout or ():
            finding = _finding(line)
            if finding:
                findings.append(finding)
            else:
                console.print(f"  {line.rstrip()}", markup=False)
    return findings, process.returncode


def _finding(line: str) -> dict[str, Any] | None:
    try:
        finding = json.loads(line)
    except ValueError:
        return None
    return finding if isinstance(finding, dict) and "what" in finding else None


def _table(findings: list[dict[str, Any]]) -> Table:
    table = Table("what", "measured", "aim", "against", "note")
    for finding in findings:
        aim, value, unit = finding.get("aim"), finding["value"], finding.get("unit", "×")
        style = "" if aim is None else "green" if value <= aim else "red"
        table.add_row(
            finding["what"],
            f"[{style}]{value:.2f} {unit}[/]" if style else f"{value:.2f} {unit}",
            "" if aim is None else f"≤ {aim:g} {unit}",
            finding.get("than", ""),
            finding.get("note", ""),
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
