"""Progress bars: widgets in notebooks that can show them, text elsewhere."""

from __future__ import annotations

import warnings
from typing import Any

__all__ = ["bar_class", "progress_bar"]


def bar_class() -> Any:
    """Return the class of progress bars that suits where the program runs."""
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        # A notebook without ipywidgets gets bars of text, which need no warning.
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm
    return tqdm


def progress_bar(iterable: Any = None, **settings: Any) -> Any:
    """Make a progress bar; `settings` are those of tqdm."""
    return bar_class()(iterable, **settings)
