"""Intervals of numbers as constraints of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval

__all__ = ["Numbers"]


class Numbers(Interval):
    """Numbers of an interval; True and False, which count as 1 and 0 in Python, are none."""

    def is_satisfied_by(self, val: Any) -> bool:
        # Half precision does not hold the bounds that it is compared with.
        plain = val.item() if isinstance(val, np.generic) else val
        return not isinstance(plain, bool) and bool(super().is_satisfied_by(plain))
