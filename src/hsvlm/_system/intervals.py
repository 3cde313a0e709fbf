"""Constrain numeric parameters to intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval


class Numbers(Interval):
    """Interval constraint that rejects booleans."""

    def is_satisfied_by(self, val: Any) -> bool:
        # Half precision cannot represent the bounds that it is compared with.
        plain = val.item() if isinstance(val, np.generic) else val
        return not isinstance(plain, bool) and bool(super().is_satisfied_by(plain))
