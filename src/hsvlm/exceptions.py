"""Errors and warnings of hsvlm; each is also a built-in type, so existing handlers keep working."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AlignmentWarning",
    "DataError",
    "DeviceMemoryError",
    "DownloadError",
    "FileError",
    "HSVLMError",
    "HSVLMWarning",
    "MissingDependencyError",
    "MissingFileError",
    "MissingNameWarning",
    "ParameterError",
    "PromptError",
    "PromptWarning",
    "SplitWarning",
    "TrainingDivergedError",
    "UnknownNameError",
    "UnusedSettingWarning",
]


class _Message(Exception):  # noqa: N818
    """A problem in neutral words, and a hint that speaks Python or the command line."""

    option_message: str | None = None
    problem: str = ""  # without the hint

    def __init__(self, problem: object = "", hint: str = "", *, option_hint: str = "") -> None:
        super().__init__(f"{problem} {hint}" if hint else problem)
        self.problem = str(problem)
        if option_hint:
            self.option_message = f"{problem} {option_hint}"

    def for_command_line(self) -> str:
        """Return the message with command-line options in place of Python arguments."""
        return self.option_message or str(self)


class HSVLMError(_Message):
    """Base class of every error raised on purpose by hsvlm.

    Parameters
    ----------
    problem : str, default=""
        The value received and the allowed values, worded for Python and the command line.
    hint : str, default=""
        What to do next, in Python.
    option_hint : str, default=""
        What to do next, with options of the command line. Empty: `hint`.

    Examples
    --------
    >>> from hsvlm.exceptions import HSVLMError
    >>> error = HSVLMError(
    ...     "No pixel has data.", "Pass nodata=None.", option_hint="Give --nodata none."
    ... )
    >>> str(error)
    'No pixel has data. Pass nodata=None.'
    >>> error.for_command_line()
    'No pixel has data. Give --nodata none.'
    """


class DataError(HSVLMError, ValueError):
    """A cube, a label map or a set of samples cannot be used as it is."""


class DeviceMemoryError(HSVLMError, MemoryError):
    """The device that computes has too little memory."""


class DownloadError(DataError, ConnectionError):
    """A required file is neither in the cache nor available from the network."""


class FileError(DataError):
    """A file does not have the expected content; the message names the file."""


class MissingFileError(FileError, FileNotFoundError):
    """A file, or one that belongs to it, is missing."""


class ParameterError(HSVLMError, ValueError):
    """Parameters contradict each other or the data."""


class PromptError(HSVLMError, ValueError):
    """Class prompts are missing, empty, identical or for unknown classes."""


class UnknownNameError(HSVLMError, ValueError):
    """A name is not registered; the message lists the known names."""

    @classmethod
    def for_name(
        cls, kind: str, name: object, known: Iterable[str], hint: str = ""
    ) -> UnknownNameError:
        """Build the error for an unknown `name` of some `kind`.

        Parameters
        ----------
        kind : str
            Kind of the name, for example ``"vision encoder"``.
        name : object
            The unknown name.
        known : iterable of str
            The known names.
        hint : str, default=""
            A closing sentence about alternatives.

        Returns
        -------
        UnknownNameError
            The error, ready to be raised.
        """
        names = ", ".join(map(repr, sorted(known)))
        return cls(f"Unknown {kind} {name!r}. Known: {names}.{' ' + hint if hint else ''}")


class MissingDependencyError(HSVLMError, ImportError):
    """An optional library is not installed; the message names the extra that installs it."""

    def __init__(
        self,
        problem: object = "",
        hint: str = "",
        *,
        option_hint: str = "",
        name: str | None = None,
    ) -> None:
        super().__init__(problem, hint, option_hint=option_hint)
        self.name = name


class TrainingDivergedError(HSVLMError, ArithmeticError):
    """The training loss became NaN or infinite."""


class HSVLMWarning(_Message, UserWarning):
    """Base class of every warning issued by hsvlm; takes the parameters of `HSVLMError`."""


class AlignmentWarning(HSVLMWarning):
    """A further source lies beside the cube, or covers little of it."""


class PromptWarning(HSVLMWarning):
    """Prompts are so similar or so long that part of the text has no effect."""


class MissingNameWarning(PromptWarning):
    """Classes are bare numbers, so their prompts say nothing about them."""


class UnusedSettingWarning(HSVLMWarning):
    """The value of a parameter has no effect in this fit."""


class SplitWarning(HSVLMWarning):
    """A split leaves classes without training or test samples, or maps name other pixels."""
