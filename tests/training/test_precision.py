"""What the network multiplies in."""

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.mapping._fingerprint import fingerprint
from hsvlm.vision import get_vision_encoder


class Watched(get_vision_encoder("overlap-vit")):
    """Notes the types in which its layers multiply."""

    seen: set[torch.dtype]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for layer in self.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.register_forward_hook(self._note)

    def _note(self, layer, arguments, output):
        self.seen.add(output.dtype)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("batch_size", [8, 64], ids=["whole batches", "parts in threads"])
def test_layers_multiply_in_what_is_asked_for(cube, labels, settings, precision, batch_size):
    Watched.seen = set()
    changes = {"precision": precision, "vision_encoder": Watched, "batch_size": batch_size}
    clf = HSIPromptClassifier(**{**settings, **changes, "max_epochs": 1}).fit(cube, labels)
    assert Watched.seen == {getattr(torch, precision)}
    Watched.seen.clear()
    clf.predict(cube)
    assert Watched.seen == {getattr(torch, precision)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_heads", "criterion"),
    [(2, "hard-semi-hard"), (4, "cross-entropy")],
    ids=["wide heads", "narrow heads"],
)
def test_half_the_digits_give_nearly_the_same(cube, labels, settings, n_heads, criterion):
    shape = {"width": 32, "depth": 2, "n_heads": n_heads, "mlp_width": 16}
    fixed = {**settings, "vision_params": shape, "criterion": criterion, "max_epochs": 5}
    one, other = (
        HSIPromptClassifier(**fixed, precision=precision).fit(cube, labels)
        for precision in ("float32", "bfloat16")
    )
    found, expected = other.predict_proba(cube), one.predict_proba(cube)
    assert not np.array_equal(found, expected)
    assert np.abs(found - expected).mean() < 0.02
    assert other.score(cube, labels) > one.score(cube, labels) - 0.02
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-6)
    assert {one.dtype for one in other.net_.module_.parameters()} == {torch.float32}


@pytest.mark.slow
def test_embeddings_are_unit_vectors(cube, labels, settings):
    clf = HSIPromptClassifier(**settings, precision="bfloat16").fit(cube, labels)
    lengths = np.linalg.norm(clf.transform(cube), axis=-1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


@pytest.mark.slow
def test_it_is_that_of_the_training(cube, labels, settings):
    clf = HSIPromptClassifier(**settings, precision="bfloat16").fit(cube, labels)
    expected = clf.predict_proba(cube)
    clf.set_params(precision="float32")
    np.testing.assert_array_equal(clf.predict_proba(cube), expected)
    warm = clf.set_params(warm_start=True, max_epochs=1).fit(cube, labels)
    assert warm.net_.module__precision == "float32"


@pytest.mark.slow
def test_maps_of_another_precision_are_no_continuation(cube, labels, settings):
    clf = HSIPromptClassifier(**settings, precision="bfloat16").fit(cube, labels)
    before = fingerprint(clf, Scene(cube), [], 0)
    clf.net_.module__precision = "float32"
    assert fingerprint(clf, Scene(cube), [], 0) != before
