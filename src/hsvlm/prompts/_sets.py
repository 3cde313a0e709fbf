"""Load class names and descriptive prompts of public scenes, in the order of their labels."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from hsvlm._data.class_table import ClassEntry, ClassTable
from hsvlm.exceptions import UnknownNameError

__all__ = ["list_prompt_sets", "load_class_names", "load_prompt_set", "prompt_set_table"]

_FOLDER = files("hsvlm.prompts").joinpath("sets")


def list_prompt_sets() -> list[str]:
    """List the prompt sets that come with hsvlm.

    Returns
    -------
    list of str
        Names in alphabetical order.

    Examples
    --------
    >>> from hsvlm.prompts import list_prompt_sets
    >>> list_prompt_sets()
    ['botswana', 'houston-2013', 'indian-pines', 'ksc', 'pavia-university', 'salinas']
    """
    return sorted(file.name.removesuffix(".toml") for file in _FOLDER.iterdir())


def load_prompt_set(name: str) -> dict[int, str]:
    """Load one descriptive prompt for each class of a public scene.

    Parameters
    ----------
    name : str
        One of `list_prompt_sets()`.

    Returns
    -------
    dict of int to str
        Text by label; labels 1, 2, ... are those of the scene's usual ground truth.

    Raises
    ------
    UnknownNameError
        If the set does not exist.

    See Also
    --------
    load_class_names : The names of the same classes.

    Examples
    --------
    >>> from hsvlm.prompts import load_prompt_set
    >>> load_prompt_set("houston-2013")[15]
    'an oval athletics stadium with a red rubber running track divided into lanes'
    """
    return dict(enumerate(_read_set(name).values(), start=1))


def load_class_names(name: str) -> dict[int, str]:
    """Load the names of the classes of a public scene.

    Parameters
    ----------
    name : str
        See :func:`load_prompt_set`.

    Returns
    -------
    dict of int to str
        Name by label, with the labels of :func:`load_prompt_set`.

    Raises
    ------
    UnknownNameError
        If the set does not exist.

    See Also
    --------
    load_prompt_set : A descriptive prompt for each of the same classes.

    Examples
    --------
    >>> from hsvlm.prompts import load_class_names
    >>> load_class_names("pavia-university")[5]
    'Painted metal sheets'
    """
    return dict(enumerate(_read_set(name), start=1))


def prompt_set_table(name: str) -> ClassTable:
    """Tabulate the classes of a prompt set."""
    entries = enumerate(_read_set(name).items(), start=1)
    return ClassTable(
        f"the prompt set {name!r}",
        tuple(ClassEntry(label, name, prompts=(text,)) for label, (name, text) in entries),
    )


def _read_set(name: str) -> dict[str, str]:
    known = list_prompt_sets()
    if name not in known:
        raise UnknownNameError.for_name("prompt set", name, known)
    return tomllib.loads(_FOLDER.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
