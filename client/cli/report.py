"""report."""

import argparse
import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

from client.cli.screen import Screen
from client.model.cause import ExitCode


def run_report(options: argparse.Namespace) -> int:
    from client.report import collect, report_text, write_report
    path, screen = Path(options.file), Screen()
    try:
        if os.path.lexists(path) and not options.force:     # before anything is asked
            raise FileExistsError
        material = asyncio.run(collect())
        write_report(path, report_text(material, datetime.now(UTC)), options.force)
    except FileExistsError:
        screen.error(f"{path} is there already.", "Choose another name, or replace it with --force.")
        return ExitCode.ERROR.value
    screen.line(f"Written to {path}. It has no secrets, and names of people and addresses are masked; read it before "
                "you pass it on.")
    if material.trouble:
        screen.line(f"Without what roved knows: {material.trouble}")
    return ExitCode.DONE.value
