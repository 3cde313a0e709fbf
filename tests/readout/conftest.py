"""Settings of classifiers that train in a moment."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def fast():
    """For scenes of four classes."""
    return {
        "text_encoder": np.eye(4),
        "vision_params": {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16},
        "max_epochs": 2,
        "lr": 5e-3,
        "device": "cpu",
        "random_state": 0,
    }
