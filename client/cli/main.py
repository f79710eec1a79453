"""``rove``: parse, run, and turn whatever went wrong into a sentence and an exit code."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from client.cli.parser import COMMANDS, parser
from client.model.cause import Cause, ExitCode, RoveError


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code, as rove(1) and ``ExitCode`` list them. Usage errors end in SystemExit(2)."""
    options = parser().parse_args(argv)
    row = next(row for row in COMMANDS if row.name == options.command)
    try:
        command = getattr(import_module(f"client.cli.{row.module}"), f"run_{row.name}")
        code = int(command(options))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has what it wanted. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE.value
    except KeyboardInterrupt:
        return ExitCode.ERROR.value
    except (RoveError, OSError) as error:
        return report(error)
    return code


def report(error: RoveError | OSError) -> int:
    """Says it on stderr → the exit code."""
    from client.bus.replies import CallFailed, RovedNotRunning
    from client.cli.screen import Screen
    from client.texts import error_text
    screen = Screen()
    if isinstance(error, RovedNotRunning):
        screen.error(f"roved is not running ({error}).", "Start it with “systemctl start roved”.")
        return ExitCode.ROVED_NOT_RUNNING.value
    if isinstance(error, OSError):
        screen.error(f"{error.filename or 'rove'}: {error.strerror or error}.")
        return ExitCode.ERROR.value
    if isinstance(error, CallFailed):
        screen.error(f"{error.detail}.")
        return ExitCode.ERROR.value
    shown = error_text(error.cause, error.detail)
    # A time-out of roved itself is not one of the connection's
    screen.error(shown.message if error.cause is not Cause.TIMEOUT or not error.detail else error.detail, shown.advice)
    return error.cause.exit_code.value


if __name__ == "__main__":
    sys.exit(main())
