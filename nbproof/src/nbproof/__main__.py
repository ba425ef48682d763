"""The commands: `nbproof COMMAND …`, or `python -m nbproof COMMAND …`, in a book's folder."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from nbproof.settings import SettingsError, load

COMMANDS = {  # what each does, and the module that does it
    "run": ("execute the notebooks into copies, and print each one's result", "run.commands"),
    "update": ("execute the notebooks and store their outputs", "run.commands"),
    "list": ("print the notebooks' paths", "notebooks.select"),
    "bands": ("measure, over seeds, what training gives", "bands.measure"),
    "mutate": ("put faults into a package: do the notebooks and the tests notice?", "mutate.package"),
    "mutate-outputs": ("change stored outputs: does the plugin notice?", "mutate.judge_outputs"),
    "stability": ("run unchanged notebooks under other settings: any false alarm?", "machine.stability"),
    "cost": ("time the plugin against plain nbval", "cost"),
}


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if not argv or argv[0] not in COMMANDS:
        lines = [f"  {name:<15} {what}" for name, (what, _) in COMMANDS.items()]
        print("nbproof COMMAND …, where COMMAND is one of", *lines, sep="\n", file=sys.stderr)
        return 2
    command, *rest = argv
    try:
        settings = load(Path.cwd())
        module = importlib.import_module(f"nbproof.{COMMANDS[command][1]}")
        given = (command, rest, settings) if command in ("run", "update") else (rest, settings)
        return module.main(*given)
    except SettingsError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
