"""Write a model that later versions have to load: python tests/persistence/make_format_1.py PATH.

It holds what it should predict as metadata. This has made format-1.zip and, before windows had a
weight in the read-out, format-1-walks.zip, and makes one more file with every release.
"""

import sys

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from hsvlm import HSIPromptClassifier, SpectralTransformer, pixel_samples
from hsvlm.persistence import save


def main(path):
    rng = np.random.default_rng(0)
    labels = np.repeat([[1, 2, 3]], 9, axis=0).repeat(3, axis=1)
    cube = (rng.normal(size=(9, 9, 8)) + np.eye(8)[labels]).astype(np.float32)
    clf = HSIPromptClassifier(
        {1: "oats", 2: ["wheat", "a cereal"], 3: "bare soil"},
        class_names={1: "Oats", 2: "Wheat", 3: "Soil"},
        text_encoder=np.eye(3, 4),
        vision_params={"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8},
        n_components=4,
        window_size=3,
        patch_size=1,
        max_epochs=3,
        device="cpu",
        random_state=np.random.RandomState(0),
    )
    scale = SpectralTransformer(StandardScaler(with_std=False))
    pipeline = Pipeline([("scale", scale), ("skipped", "passthrough"), ("clf", clf)])
    X, y = pixel_samples(cube, labels)
    pipeline.fit(X[::2], y[::2])
    metadata = {"cube": cube, "probabilities": pipeline.predict_proba(cube), "sensor": "none"}
    save(pipeline, path, metadata=metadata)


if __name__ == "__main__":
    main(sys.argv[1])
