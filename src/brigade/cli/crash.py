"""What a person is told of an error that nobody foresaw, and where its traceback goes."""

from __future__ import annotations

import os
import tempfile
import traceback


def describe_crash(error: BaseException) -> str:
    """One line; the traceback goes to a file, or to the terminal with `--debug`."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    text = "".join(traceback.format_exception(error))
    name = type(error).__name__
    if os.environ.get("BRIGADE_DEBUG"):
        return f"unexpected {name}, please report it:\n{text}"
    handle, path = tempfile.mkstemp(prefix="brigade-", suffix=".traceback", text=True)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return f"unexpected {name}: {error}; the traceback is in {path}, please report it"
