"""Running programs for the lab: one way to call, one error."""

import subprocess
from collections.abc import Mapping, Sequence


class LabError(RuntimeError):
    """The lab itself failed; a test that sees it says nothing about Rove."""


class LabInUse(LabError):
    """Another process has a lab of this prefix up."""


def run(*argv: str, check: bool = True, stdin: str | None = None, timeout: float = 30.0,
        env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end with its output as text. Raises LabError when it fails or takes too long."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, env=env, check=False,
                              errors="replace", stdin=subprocess.DEVNULL if stdin is None else None)
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(argv)}: not done after {timeout:g} s") from error
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}\n{stdin or ''}{done.stdout}{done.stderr}")
    return done


def start(argv: Sequence[str], **options: object) -> subprocess.Popen[str]:
    """Start a program in a session of its own, without our terminal; text streams unless said otherwise."""
    settings: dict[str, object] = {"stdin": subprocess.DEVNULL, "text": True, "start_new_session": True,
                                   "errors": "replace"}
    if options.get("text") is False:
        del settings["errors"]
    return subprocess.Popen(argv, **(settings | options))  # type: ignore[call-overload, no-any-return] # any option


def stop(process: subprocess.Popen[str], grace: float = 3.0) -> int:
    """End a program we started, by its pid: politely, then not. Returns its exit code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
    code = process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    return code
