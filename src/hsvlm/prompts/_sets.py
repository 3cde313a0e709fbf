"""Load names, colors and descriptive prompts of the classes of public scenes, by label."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from hsvlm._data.class_table import ClassEntry, ClassTable
from hsvlm.exceptions import UnknownNameError

__all__ = [
    "list_prompt_sets",
    "load_class_colors",
    "load_class_names",
    "load_prompt_set",
    "prompt_set_table",
]

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
    return dict(enumerate((entry["prompt"] for entry in _read_set(name).values()), start=1))


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


def load_class_colors(name: str) -> dict[int, str]:
    """Load a color for each class of a public scene.

    Water is blue, woods are dark green, roads gray, bare soil brown and roofs red. Any two
    classes of a set differ by at least 15 in CIEDE2000 [1]_, and by at least 10 as
    seen with deuteranopia or protanopia [2]_. Maps, figures and files use these colors if the
    scene or its prompt set is used, unless other colors are given.

    Parameters
    ----------
    name : str
        See :func:`load_prompt_set`.

    Returns
    -------
    dict of int to str
        Color as ``"#RRGGBB"`` by label, with the labels of :func:`load_prompt_set`.

    Raises
    ------
    UnknownNameError
        If the set does not exist.

    See Also
    --------
    load_class_names : The names of the same classes.

    References
    ----------
    .. [1] G. Sharma, W. Wu and E. N. Dalal, "The CIEDE2000 color-difference formula", Color
       Research & Application 30(1), 21-30, 2005.
    .. [2] G. M. Machado, M. M. Oliveira and L. A. F. Fernandes, "A physiologically-based model for
       simulation of color vision deficiency", IEEE Transactions on Visualization and Computer
       Graphics 15(6), 1291-1298, 2009.

    Examples
    --------
    >>> from hsvlm.prompts import load_class_colors
    >>> load_class_colors("houston-2013")[6]
    '#1F66D0'
    """
    return dict(enumerate((entry["color"] for entry in _read_set(name).values()), start=1))


def prompt_set_table(name: str) -> ClassTable:
    """Tabulate the classes of a prompt set."""
    entries = enumerate(_read_set(name).items(), start=1)
    return ClassTable(
        f"the prompt set {name!r}",
        tuple(
            ClassEntry(label, name, prompts=(entry["prompt"],)) for label, (name, entry) in entries
        ),
    )


def _read_set(name: str) -> dict[str, dict[str, str]]:
    known = list_prompt_sets()
    if name not in known:
        raise UnknownNameError.for_name("prompt set", name, known)
    return tomllib.loads(_FOLDER.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
