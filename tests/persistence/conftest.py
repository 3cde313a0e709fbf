"""A fitted classifier, and a way to change a saved one so that its digests are right again."""

import hashlib
import json

import pytest

from hsvlm import HSIPromptClassifier


@pytest.fixture(scope="session")
def fitted(cube, labels, settings):
    """Not to be changed."""
    return HSIPromptClassifier(**settings).fit(cube, labels)


@pytest.fixture
def saved(fitted, tmp_path):
    """Folder of a saved model."""
    return fitted.save(tmp_path / "model")


@pytest.fixture
def edit():
    """Change the configuration of a saved model as somebody would who knows of the digests."""

    def apply(folder, change):
        config = json.loads((folder / "config.json").read_text())
        config = change(config) or config
        (folder / "config.json").write_text(json.dumps(config))
        names = ("config.json", "model.safetensors", "README.md")
        digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]
        lines = [f"{digest}  {name}\n" for digest, name in zip(digests, names, strict=True)]
        (folder / "SHA256SUMS").write_text("".join(lines))

    return apply
