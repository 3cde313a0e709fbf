"""Errors and warnings of hsvlm; each is also a built-in type, so existing handlers keep working."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
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

    def __init__(self, problem: object = "", hint: str = "", *, option_hint: str = "") -> None:
        super().__init__(f"{problem} {hint}" if hint else problem)
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
        What was got and what is allowed, in words that hold in Python and on the command line.
    hint : str, default=""
        What to do next, in Python.
    option_hint : str, default=""
        The same for users of the command line, in terms of its options. Empty: as `hint`.

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
    """A file is needed that is neither in the cache nor to be had from the network."""


class FileError(DataError):
    """A file does not hold what is asked of it; the message names the file."""


class MissingFileError(FileError, FileNotFoundError):
    """A file, or one that belongs to it, is not there."""


class ParameterError(HSVLMError, ValueError):
    """Parameters contradict each other or the data they meet."""


class PromptError(HSVLMError, ValueError):
    """Class prompts are missing, empty, identical or left over."""


class UnknownNameError(HSVLMError, ValueError):
    """A name is not registered; the message lists those that are."""

    @classmethod
    def for_name(
        cls, kind: str, name: object, known: Iterable[str], hint: str = ""
    ) -> UnknownNameError:
        """Build the error for an unknown `name` of some `kind`.

        Parameters
        ----------
        kind : str
            What was looked up, for example ``"vision encoder"``.
        name : object
            The name that was not found.
        known : iterable of str
            The names that exist.
        hint : str, default=""
            A closing sentence that says what else would work.

        Returns
        -------
        UnknownNameError
            The error, ready to be raised.
        """
        names = ", ".join(repr(one) for one in sorted(known))
        return cls(f"Unknown {kind} {name!r}. Known: {names}.{' ' + hint if hint else ''}")


class MissingDependencyError(HSVLMError, ImportError):
    """An optional library is not installed; the message names the extra that brings it."""

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


class PromptWarning(HSVLMWarning):
    """Prompts work, but are so alike or so long that the text carries less than it could."""


class MissingNameWarning(PromptWarning):
    """Classes are bare numbers, so their prompts say nothing about them."""


class UnusedSettingWarning(HSVLMWarning):
    """A parameter was given a value that cannot take effect in this fit."""


class SplitWarning(HSVLMWarning):
    """A split leaves classes without training or test samples, or maps name other pixels."""
