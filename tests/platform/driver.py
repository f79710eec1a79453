"""Runs inside a namespace: executes the source it is sent, with one event loop, and answers with JSON lines."""

import ast
import asyncio
import inspect
import json
import sys
import traceback


async def main() -> None:
    loop = asyncio.get_running_loop()
    space: dict[str, object] = {"asyncio": asyncio}
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            code = compile(json.loads(line), "<test>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            space["result"] = None
            value = eval(code, space)
            if inspect.iscoroutine(value):
                await value
            answer = {"result": space["result"]}
        except Exception as error:
            answer = {"error": repr(error), "traceback": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer, default=repr) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
