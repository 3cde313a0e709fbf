"""What holds for every registered vision encoder.

`oracles/<name>.py` states what is particular to one of them:

- ``SIZES``: three or more pairs of constructor arguments and number of parameters, the first one
  that of the publication; ``n_parameters(**arguments)`` computes the same number by a formula.
- ``PIN``: what `pinned_output` returns, which changes if the network does: the first three
  features, or more where some of them are zero.
- ``PARAMS`` (optional): constructor arguments that make a large network small, for all other tests.
- ``N_CHANNELS`` (optional): the number of channels for all other tests, if not any number will do.
- ``TRAINING`` (optional): settings under which a classifier with it learns a small scene.
- ``WINDOW_NEEDS``, ``CHANNELS_NEED`` (optional): the phrase before the smallest window and number
  of channels in the error, if it is not "which needs".
- ``SEES_CENTER_ONLY`` (optional): True if only the patch in the middle of the window counts.
- ``WITHOUT_GRADIENT`` (optional): names of weights, as patterns, that get no gradient in the first
  steps, each with the reason.
"""

import pickle
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn
from torch.overrides import TorchFunctionMode

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.cli._settings import check_settings  # commands call it before they read the scene
from hsvlm.contrastive.model import AlignedModel
from hsvlm.exceptions import ParameterError
from hsvlm.vision import get_vision_encoder, list_vision_encoders
from hsvlm.vision.arguments import (
    encoder_arguments,
    needed_settings,
    required_params,
    takes_patch_size,
    takes_wavelengths,
)

NAMES = list_vision_encoders()
ORACLES = Path(__file__).parent / "oracles"
# The fast tests train two small encoders, the slow ones all others.
EVERY_TRAINED = pytest.mark.parametrize(
    "case",
    [
        name if name in {"cnn1d", "overlap-vit"} else pytest.param(name, marks=pytest.mark.slow)
        for name in NAMES
    ],
    indirect=True,
)


@dataclass(frozen=True)
class Case:
    """An encoder, its oracle, and a small window and number of channels that it is tested with."""

    name: str
    encoder_class: type[nn.Module]
    oracle: ModuleType

    @property
    def n_channels(self):
        return getattr(self.oracle, "N_CHANNELS", self.encoder_class.MIN_CHANNELS + 5)

    @property
    def window_size(self):
        return self.encoder_class.MIN_WINDOW + 4

    @property
    def params(self):
        return getattr(self.oracle, "PARAMS", {})

    def make(self, n_channels=None, window_size=None, seed=0):
        n_channels = self.n_channels if n_channels is None else n_channels
        arguments = encoder_arguments(
            self.encoder_class,
            n_channels=n_channels,
            window_size=self.window_size if window_size is None else window_size,
            patch_size=1,
            params=self.params,
            wavelengths_nm=wavelengths(n_channels),
        )
        torch.manual_seed(seed)
        return self.encoder_class(**arguments)

    def windows(self, count, seed=1):
        shape = (count, self.window_size, self.window_size, self.n_channels)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def wavelengths(n_channels):
    return np.linspace(400, 2500, n_channels).tolist()


@pytest.fixture(params=NAMES)
def case(request, oracle_of):
    """Every registered encoder in turn."""
    return Case(request.param, get_vision_encoder(request.param), oracle_of(request.param))


def count_parameters(encoder):
    return sum(parameter.numel() for parameter in encoder.parameters())


def train(encoder, windows, targets, n_steps, lr, optimizer=torch.optim.SGD, n_right=None):
    """Train an encoder and a linear head, until all classes are right in `n_right` steps in a row.

    Returns whether they were.
    """
    head = nn.Linear(encoder.n_features, int(targets.max()) + 1)
    optimizer = optimizer([*encoder.parameters(), *head.parameters()], lr=lr)
    encoder.train()
    n_in_a_row = 0
    for _ in range(n_steps):
        optimizer.zero_grad()
        outputs = head(encoder(windows))
        nn.functional.cross_entropy(outputs, targets).backward()
        optimizer.step()
        n_in_a_row = n_in_a_row + 1 if torch.equal(outputs.argmax(dim=1), targets) else 0
        if n_in_a_row == n_right:
            return True
    return False


def test_every_oracle_is_that_of_an_encoder():
    files = {path.stem for path in ORACLES.glob("*.py")}
    assert files == {name.replace("-", "_") for name in NAMES}


def test_number_of_parameters(case):
    assert len(case.oracle.SIZES) >= 3
    for arguments, size in case.oracle.SIZES:
        assert case.oracle.n_parameters(**arguments) == size, arguments
        with torch.device("meta"):
            assert count_parameters(case.encoder_class(**arguments)) == size, arguments


def test_features_of_windows(case):
    least = case.encoder_class.MIN_CHANNELS, case.encoder_class.MIN_WINDOW
    for n_channels, window_size in (least, (case.n_channels, case.window_size)):
        encoder = case.make(n_channels, window_size).eval()
        for count in (1, 3):
            features = encoder(torch.randn(count, window_size, window_size, n_channels))
            assert features.shape == (count, encoder.n_features)
            assert features.dtype == torch.float32
            assert torch.isfinite(features).all()


def test_too_small_windows_and_too_few_channels_are_refused(case):
    n_channels, window_size = case.encoder_class.MIN_CHANNELS, case.encoder_class.MIN_WINDOW
    needs = getattr(case.oracle, "WINDOW_NEEDS", "which needs")
    otherwise = ', or an encoder for single pixels such as "mlp"' if window_size > 1 else ""
    with pytest.raises(ParameterError) as error:
        case.make(window_size=window_size - 1)
    assert str(error.value) == (
        f"window_size={window_size - 1} is too small for the vision encoder "
        f'"{case.name}", {needs} {window_size} or more. Choose window_size >= '
        f"{window_size}{otherwise}."
    )
    needs = getattr(case.oracle, "CHANNELS_NEED", "which needs")
    with pytest.raises(ParameterError) as error:
        case.make(n_channels=n_channels - 1)
    assert str(error.value) == (
        f"n_channels={n_channels - 1} is too few for the vision encoder "
        f'"{case.name}", {needs} {n_channels} or more. Raise n_components, or set it to None to '
        "keep all bands."
    )


@pytest.mark.parametrize("patch_size", [0, -1])
def test_patches_without_pixels_are_refused(case, patch_size):
    if not takes_patch_size(case.encoder_class):
        return
    arguments = encoder_arguments(
        case.encoder_class,
        n_channels=case.n_channels,
        window_size=5,
        patch_size=patch_size,
        params=case.params,
        wavelengths_nm=wavelengths(case.n_channels),
    )
    with pytest.raises(ParameterError) as error:
        case.encoder_class(**arguments)
    assert str(error.value) == f"patch_size={patch_size} is too small. Use 1 or more."


@pytest.mark.parametrize(
    ("window_size", "patch_size", "n_components"),
    [(5, 3, "auto"), (1, 1, 2), (9, 4, 20), (15, 4, None)],
)
def test_settings_are_changed_if_it_needs_others(case, window_size, patch_size, n_components):
    given = {"window_size": window_size, "patch_size": patch_size, "n_components": n_components}
    needed = needed_settings(case.encoder_class, **given)

    def make(used):
        n_channels = used.pop("n_components")
        n_channels = n_channels if isinstance(n_channels, int) else 40
        told = {"params": case.params, "wavelengths_nm": wavelengths(n_channels)}
        arguments = encoder_arguments(case.encoder_class, n_channels=n_channels, **used, **told)
        with torch.device("meta"):
            case.encoder_class(**arguments)

    make(given | needed)
    for name in needed:
        if needed[name] is not None:
            with pytest.raises(ParameterError):
                make({**given, **needed, name: given[name]})
    assert None not in needed.values() or takes_wavelengths(case.encoder_class)


def test_the_seen_pixels_get_gradients(case):
    encoder, windows = case.make().eval(), case.windows(8).requires_grad_()
    weights = torch.randn(encoder.n_features, generator=torch.Generator().manual_seed(2))
    (encoder(windows) @ weights).sum().backward()
    is_seen = windows.grad.abs().sum(dim=(0, 3)) > 0
    expected = torch.ones_like(is_seen)
    if getattr(case.oracle, "SEES_CENTER_ONLY", False):
        expected[:] = False
        expected[(case.window_size - 1) // 2, (case.window_size - 1) // 2] = True
    assert torch.equal(is_seen, expected)


def test_every_weight_is_trained(case):
    exempt = getattr(case.oracle, "WITHOUT_GRADIENT", {})
    encoder = case.make()
    train(encoder, case.windows(8), torch.arange(8) % 4, n_steps=3, lr=0.1)
    for name, parameter in encoder.named_parameters():
        if any(fnmatch(name, pattern) for pattern in exempt):
            continue
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        if parameter.ndim > 1:
            assert parameter.grad.abs().max() > 1e-7, name


def test_windows_do_not_see_each_other_in_predictions(case):
    encoder, windows = case.make().eval(), case.windows(6)
    with torch.inference_mode():
        together = encoder(windows)
        apart = torch.cat([encoder(part) for part in windows.split([1, 3, 2])])
        windows[3:] *= 100
        changed = encoder(windows)
    torch.testing.assert_close(apart, together, rtol=1e-4, atol=1e-5)
    assert torch.equal(changed[:3], together[:3])
    assert not torch.equal(changed[3:], together[3:])


def test_windows_are_called_independent_if_they_are_in_training(case):
    encoder, windows = case.make().train(), case.windows(6)
    first, again = encoder(windows), encoder(windows)
    windows[3:] *= 100
    changed = encoder(windows)
    is_independent = torch.equal(first, again) and torch.equal(first[:3], changed[:3])
    assert getattr(encoder, "independent_windows", False) == is_independent


@EVERY_TRAINED
def test_the_seed_decides(case):
    results = []
    for seed in (0, 0, 1):
        encoder = case.make(seed=seed)
        train(encoder, case.windows(8), torch.arange(8) % 4, n_steps=2, lr=0.1)
        results.append(encoder.eval()(case.windows(2)))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_weights_are_restored(case):
    first, second = case.make().eval(), case.make(seed=1).eval()
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(case.windows(2)), second(case.windows(2)))


@EVERY_TRAINED
def test_a_batch_is_learned_by_heart(case):
    targets = torch.arange(8) % 4
    assert train(case.make(), case.windows(8), targets, 60, 3e-3, torch.optim.Adam, n_right=5)


def pinned_output(case):
    """Return the first features of a window, with initial weights."""
    return case.make().eval()(case.windows(1))[0, : len(case.oracle.PIN)].tolist()


def test_outputs_stay_the_same(case):
    assert np.count_nonzero(case.oracle.PIN) >= 3
    assert pinned_output(case) == pytest.approx(case.oracle.PIN, rel=1e-4, abs=1e-5)


def test_it_can_be_chosen_at_the_command_line(case):
    # Before the file is opened, the number of channels is not known.
    needed = {name: case.params[name] for name in required_params(case.encoder_class)}
    chosen = {
        "vision_encoder": case.name,
        "vision_params": needed or None,
        "window_size": case.window_size,
        "patch_size": 1,
    }
    assert check_settings(chosen, None).vision_encoder == case.name


@pytest.fixture
def scene(case, labels):
    """Reflectances whose classes differ in three bands, with as many bands as needed."""
    cube = np.random.default_rng(0).normal(size=(*labels.shape, case.n_channels))
    for label in (1, 2, 3):
        cube[labels == label, label] += 6
    return cube.astype(np.float32)


@pytest.fixture
def classifier(case, settings):
    """A classifier with the encoder that trains in about a second."""
    params = dict(case.params)
    if takes_wavelengths(case.encoder_class):
        params["wavelengths_nm"] = wavelengths(case.n_channels)
    changes = {
        "vision_encoder": case.name,
        "vision_params": params,
        "window_size": case.window_size,
        "n_components": None,
        "max_epochs": 4,
        **getattr(case.oracle, "TRAINING", {}),
    }
    return HSIPromptClassifier(**{**settings, **changes})


def accuracy(predicted, labels):
    return (predicted == labels)[labels > 0].mean()


@pytest.mark.slow
@EVERY_TRAINED
def test_it_works_in_the_classifier(classifier, scene, labels, tmp_path):
    fitted = classifier.fit(scene, labels)
    probabilities = fitted.predict_proba(scene)
    assert probabilities.shape == (18, 20, 3)
    assert accuracy(probabilities.argmax(axis=2) + 1, labels) > 0.5
    loaded = HSIPromptClassifier.load(fitted.save(tmp_path / "model"), device="cpu")
    few = pixel_samples(scene, labels)[0][::7]
    expected = fitted.predict_proba(few)
    for same in (loaded, pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(same.predict_proba(few), expected)


@pytest.mark.slow
@EVERY_TRAINED
def test_fits_give_the_same_bits(classifier, scene, labels):
    X, y = (values[::3] for values in pixel_samples(scene, labels))
    classifier.set_params(max_epochs=1)
    first = clone(classifier).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(classifier.fit(X, y).predict_proba(X), first)


def gradients(model, windows):
    """Gradients of all weights for a batch of four classes, as a vector."""
    nn.functional.cross_entropy(model(windows), torch.arange(len(windows)) % 4).backward()
    return torch.cat(
        [
            torch.zeros_like(weight).flatten() if weight.grad is None else weight.grad.flatten()
            for weight in model.parameters()
        ]
    )


class Calls(TorchFunctionMode):
    """Which functions of torch are called."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.seen.add(func)
        return func(*args, **(kwargs or {}))


def test_half_precision_leads_the_same_way(case):
    arguments = encoder_arguments(
        case.encoder_class,
        n_channels=case.n_channels,
        window_size=case.window_size,
        patch_size=1,
        params=case.params,
        wavelengths_nm=wavelengths(case.n_channels),
    )
    torch.manual_seed(0)
    exact, reduced = (
        AlignedModel(case.encoder_class, arguments, None, 4, "vision", precision).eval()
        for precision in ("float32", "bfloat16")
    )
    reduced.load_state_dict(exact.state_dict())
    expected, got = (gradients(model, case.windows(8)) for model in (exact, reduced))
    # In bfloat16 on a CPU, torch fills gradients of 3-D convolutions with what memory happens to
    # hold, so networks with such stay in single precision.
    with Calls() as calls, torch.no_grad():
        exact(case.windows(1))
    is_exact = nn.functional.conv3d in calls.seen
    assert torch.equal(got, expected) == is_exact
    assert nn.functional.cosine_similarity(got.double(), expected.double(), dim=0) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("case", ["cnn1d", "overlap-vit"], indirect=True)
def test_it_trains_in_half_precision(classifier, scene, labels):
    classifier.set_params(precision="bfloat16").fit(scene, labels)
    assert accuracy(classifier.predict(scene), labels) > 0.5
