"""A fitted classifier, and a way to change a saved one so that its digests are right again."""

import hashlib
import json

import pytest

from hsvlm import HSIPromptClassifier


@pytest.fixture(scope="session")
def settings(settings):
    """Fewer epochs: how good a network is does not matter to files."""
    return {**settings, "max_epochs": 2}


@pytest.fixture(scope="session")
def fitted(cube, labels, settings):
    """Not to be changed."""
    return HSIPromptClassifier(**settings).fit(cube, labels)


@pytest.fixture
def saved(fitted, tmp_path):
    """Folder of a saved model."""
    return fitted.save(tmp_path / "model")


@pytest.fixture(scope="session")
def seal():
    """Write the parts of a model with right digests, whatever they hold."""

    def write(folder, parts):
        folder.mkdir(exist_ok=True)
        names = ("config.json", "model.safetensors", "README.md")
        sums = [f"{hashlib.sha256(parts[name]).hexdigest()}  {name}\n" for name in names]
        for name in names:
            (folder / name).write_bytes(parts[name])
        (folder / "SHA256SUMS").write_text("".join(sums))
        return folder

    return write


@pytest.fixture
def edit(seal):
    """Change the configuration of a saved model as somebody would who knows of the digests."""

    def apply(folder, change):
        parts = {one.name: one.read_bytes() for one in folder.iterdir()}
        config = json.loads(parts["config.json"])
        seal(folder, {**parts, "config.json": json.dumps(change(config) or config).encode()})

    return apply
