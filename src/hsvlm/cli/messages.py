"""Errors and warnings in a few lines, without tracebacks and lines of source."""

from __future__ import annotations

import re
import sys
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsvlm.cli._outputs import escape
from hsvlm.exceptions import HSVLMError, HSVLMWarning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "INTERRUPTED_STATUS",
    "error_text",
    "print_error",
    "recorded_warnings",
    "shown_warnings",
    "shown_worker_warnings",
]

INTERRUPTED_STATUS = 130  # what a shell reports of a process that Ctrl-C ended
_MAX_LINES = 4
# Arguments that have options of the same name.
_ARGUMENTS = "label_variable|label_column|group_column|variable|encoding|nodata|unlabeled"
_ARGUMENT = re.compile(rf"(?<![-\w.])(?:--set (?=unlabeled))?({_ARGUMENTS})=")
# Shells divide lists with blanks, and take brackets for patterns.
_LIST = re.compile(r"(?:--set )?unlabeled=\[([-\d., ]*)\]")
_FLAG = re.compile(r"(?<![-\w.])(all_touched|resample|resume)=True")
_MAX_CHARACTERS = 1200


def print_error(message: str) -> None:
    """Write a message to the error output, behind the name of the program."""
    lines = escape(message).strip().split("\n")
    if len(lines) > _MAX_LINES:
        lines = [*lines[:_MAX_LINES], "..."]
    text = "\n".join(lines)
    if len(text) > _MAX_CHARACTERS:
        text = f"{text[:_MAX_CHARACTERS]} ..."
    sys.stderr.write(f"hsvlm: {text}\n")


def error_text(error: Exception, arguments: Sequence[str]) -> str:
    """Describe an error of any library; `arguments` are those of the command line."""
    if isinstance(error, HSVLMError):
        text = error.for_command_line()
        return text if text.startswith("--") else with_options(text)
    if isinstance(error, MemoryError):
        return (
            f"The memory of this computer is not enough{_of_files(arguments)}. Close other "
            "programs, take a part of the scene, or use a computer with more memory."
        )
    if isinstance(error, OSError) and error.errno is not None:
        return str(error)
    kind = type(error).__name__
    first_line = str(error).strip().partition("\n")[0]
    return (
        f"An unexpected {kind} stopped the command{_of_files(arguments)}: {first_line or kind}. "
        "Check these files and options; add --debug to see where it happened."
    )


def with_options(text: str) -> str:
    """Write arguments of functions, such as ``label_column='crop'``, as options."""
    text = _FLAG.sub(lambda match: f"--{match[1].replace('_', '-')}", text)
    text = _LIST.sub(lambda match: f"unlabeled={match[1].replace(' ', '')}", text)
    return _ARGUMENT.sub(lambda match: f"--{match[1].replace('_', '-')} ", text)


def _of_files(arguments: Sequence[str]) -> str:
    files = [argument for argument in arguments if _exists(argument)]
    return f" with {', '.join(files)}" if files else ""


def _exists(argument: str) -> bool:
    try:
        return Path(argument).is_file()
    except (OSError, ValueError):  # a name that no system allows
        return False


def show_warnings(*, debug: bool) -> None:
    """Print each warning of this process once and in one line from now on."""
    printed: set[str] = set()

    def print_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        line = f"hsvlm: warning: {escape(_warning_text(message, category))}\n"
        if line not in printed:
            printed.add(line)
            sys.stderr.write(line)

    if not debug:
        # Libraries announce their next versions to programmers by these.
        for category in (FutureWarning, DeprecationWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", category)
    warnings.simplefilter("always", HSVLMWarning)
    warnings.showwarning = print_warning


def _warning_text(message: Warning | str, category: type[Warning]) -> str:
    if isinstance(message, HSVLMWarning):
        return with_options(message.for_command_line())
    return f"{' '.join(str(message).split())} ({category.__name__})"


@contextmanager
def recorded_warnings() -> Iterator[list[str]]:
    """Collect the texts of warnings, each once, in addition to printing them."""
    texts: list[str] = []
    with warnings.catch_warnings():
        show: Any = warnings.showwarning

        def record(
            message: Warning | str, category: type[Warning], *more: Any, **named: Any
        ) -> None:
            text = _warning_text(message, category)
            if text not in texts:
                texts.append(text)
            show(message, category, *more, **named)

        warnings.showwarning = record
        yield texts


@contextmanager
def shown_warnings(*, debug: bool) -> Iterator[None]:
    """Print each warning once and in one line while a command runs."""
    with warnings.catch_warnings():
        show_warnings(debug=debug)
        yield


@contextmanager
def shown_worker_warnings(*, debug: bool) -> Iterator[None]:
    """Print the warnings of worker processes like those of the command."""
    import joblib
    from joblib.parallel import LokyBackend

    class Backend(LokyBackend):  # type: ignore[misc]
        # joblib.parallel_config passes an initializer on only in its newer releases.
        def configure(self, *args: Any, **options: Any) -> Any:
            show = partial(show_warnings, debug=debug)
            return super().configure(*args, initializer=show, **options)

    with joblib.parallel_config(backend=Backend()):
        yield
