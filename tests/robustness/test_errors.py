"""Messages that users meet, in full: what was got, what is allowed, what to do next."""

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.exceptions import (
    DataError,
    HSVLMError,
    ParameterError,
    PromptError,
    TrainingDivergedError,
    UnknownNameError,
)
from hsvlm.vision import list_vision_encoders


def message_of(error, clf, *data):
    with pytest.raises(error) as caught:
        clf.fit(*data)
    assert isinstance(caught.value, HSVLMError)
    return str(caught.value)


@pytest.fixture
def make(settings):
    return lambda **changes: HSIPromptClassifier(**{**settings, **changes})


def test_height_and_width_differ(make, cube, labels):
    assert message_of(DataError, make(), cube, labels[:, :-2]) == (
        "The cube is 18 x 20 pixels, but the label map has shape (18, 18). Both must cover the "
        "same grid of (height, width) pixels."
    )


def test_bands_first(make, cube, labels):
    assert message_of(DataError, make(), np.moveaxis(cube, -1, 0), labels) == (
        "The cube has shape (12, 18, 20) and the label map (18, 20): the bands seem to come "
        "first. Pass np.moveaxis(cube, 0, -1)."
    )


def test_cube_without_a_map(make, cube, labels):
    assert message_of(DataError, make(), cube, labels.ravel()) == (
        "A cube of shape (18, 20, 12) needs a label map of shape (18, 20), got y of shape (360,). "
        "Pass PixelSamples, a Scene, a cube (height, width, n_bands), spectra (n_samples, n_bands) "
        "or windows (n_samples, size, size, n_bands). Several cubes: pixel_samples([...], [...])."
    )


def test_map_that_is_not_finite(make, cube, labels):
    assert message_of(DataError, make(), cube, np.where(labels == 0, np.nan, labels)) == (
        "The label map holds NaN or infinite values. Mark pixels without a label by the value of "
        "the parameter `unlabeled` instead, or pass unlabeled=float('nan')."
    )


@pytest.mark.parametrize("kind", ["cube", "samples", "windows", "spectra"])
def test_values_that_are_not_finite(make, cube, labels, kind):
    broken = cube.copy()
    broken[9, 9, 4:6] = np.nan
    X, y = pixel_samples(broken, labels)
    data = {
        "cube": (broken, labels),
        "samples": (X, y),
        "windows": (X.windows(5), y),
        "spectra": (np.asarray(X), y),
    }[kind]
    assert message_of(DataError, make(), *data) == (
        f"The data hold NaN or infinite values: 2 NaN and 0 infinite in 1 of {len(y)} spectra; "
        "bands (counts): 4 (1), 5 (1). "
        "Drop these bands, fill the values, or keep windows away from these pixels."
    )


@pytest.mark.slow
def test_values_that_are_not_finite_in_prediction(make, cube, labels):
    clf = make().fit(cube, labels)
    broken = cube.copy()
    broken[0, 0] = np.inf
    with pytest.raises(DataError, match="0 NaN and 12 infinite in 1 of 360 spectra"):
        clf.predict(broken)


def test_complex_cubes(make, cube, labels):
    assert message_of(DataError, make(), cube.astype(complex), labels).startswith(
        "The cube has dtype complex128. Pass real numbers."
    )


def test_one_class(make, cube, labels):
    assert message_of(DataError, make(), cube, np.where(labels == 2, 2, 0)) == (
        "There is only one class in y: 2. Classification needs labels of at least two classes."
    )


def test_window_larger_than_reflection_allows(make, cube, labels):
    assert message_of(ParameterError, make(window_size=37), cube, labels) == (
        "window_size=37 is too large for a scene of 18 x 20 pixels with "
        'padding="reflect", which allows at most 35. Use a smaller window or padding="zero".'
    )


def test_even_window(make, cube, labels):
    assert message_of(ParameterError, make(window_size=6), cube, labels) == (
        "window_size=6 has no center pixel. Use an odd number of pixels, such as 5 or 7."
    )


def test_window_that_is_no_multiple_of_the_patch(make, cube, labels):
    clf = make(vision_encoder="vit", window_size=7, patch_size=3)
    assert message_of(ParameterError, clf, cube, labels) == (
        "window_size=7 is not a multiple of patch_size=3. Choose them so that whole patches fill "
        "the window."
    )


def test_windows_that_are_not_square(make, cube, labels):
    X, y = pixel_samples(cube, labels)
    assert message_of(DataError, make(), X.windows(5)[:, :3], y) == (
        f"Windows must be square with an odd side, got shape ({len(y)}, 3, 5, 12). Pass "
        "PixelSamples, a Scene, a cube (height, width, n_bands), spectra (n_samples, n_bands) or "
        "windows (n_samples, size, size, n_bands). Several cubes: pixel_samples([...], [...])."
    )


def test_more_components_than_bands(make, cube, labels):
    assert message_of(ParameterError, make(n_components=13), cube, labels) == (
        "n_components=13 is above the number of bands, 12. Use at most 12, a share of variance "
        'between 0 and 1, "auto" or None.'
    )


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (
            {1: "corn", 2: "oats"},
            "No prompt for class 3; prompts has texts for classes 1, 2. Give each class of y a "
            "text (or a list of texts) under its own label, or pass one template that contains "
            '"{}" for all classes.',
        ),
        (
            {1: "corn", 2: "oats", 3: "soil", 9: "snow"},
            "prompts has texts for class 9, absent from y, whose labels are 1, 2, 3. Remove them; "
            "or, where such a class exists and only has no sample here (as in a cross-validation "
            "fold), declare it in class_names.",
        ),
        (
            {1: "corn", 2: "oats", 3: "  "},
            "A prompt of class 3 is empty ('  '). Describe the class in words, or at least name "
            "it.",
        ),
        (
            {1: "corn", 2: "oats", 3: "Corn"},
            "Classes 1 and 3 have the same prompt 'Corn' (case and spacing do not count), so no "
            "text distinguishes them. Give each class its own text, or its own name in class_names "
            "if a template is used.",
        ),
    ],
    ids=["missing", "for no class", "empty", "identical"],
)
def test_prompts_that_do_not_fit_the_classes(make, cube, labels, prompts, message):
    assert message_of(PromptError, make(prompts=prompts), cube, labels) == message


@pytest.mark.slow
def test_prompts_of_declared_classes_may_be_left_over(make, cube, labels):
    prompts = {1: "corn", 2: "oats", 3: "soil", 9: "snow"}
    make(prompts=prompts, class_names=prompts).fit(cube, labels)


def test_unknown_criterion(make, cube, labels):
    assert message_of(UnknownNameError, make(criterion="triplet"), cube, labels) == (
        "Unknown criterion 'triplet'. Known: 'all-negatives', 'clip', 'cross-entropy', "
        "'hard-semi-hard'."
    )


def test_unknown_vision_encoder(make, cube, labels):
    message = message_of(UnknownNameError, make(vision_encoder="resnet"), cube, labels)
    assert message == (
        f"Unknown vision encoder 'resnet'. Known: {str(list_vision_encoders())[1:-1]}. A "
        "torch.nn.Module subclass works too."
    )
    instance = torch.nn.Linear(2, 2)
    assert message_of(ParameterError, make(vision_encoder=instance), cube, labels) == (
        "vision_encoder=Linear(in_features=2, out_features=2, bias=True) is neither a registered "
        "name nor a torch.nn.Module subclass. Pass the class itself, not an instance."
    )


def test_unknown_preset():
    with pytest.raises(UnknownNameError) as error:
        HSIPromptClassifier.from_preset("paper")
    assert str(error.value) == (
        "Unknown preset 'paper'. Known: 'accurate', 'fast', 'paper-clip', 'paper-indian-pines', "
        "'paper-pavia-university', 'paper-vit'."
    )


def test_nothing_to_contrast_with(make, cube, labels):
    assert message_of(ParameterError, make(n_hard=0, n_semi_hard=0), cube, labels) == (
        "n_hard=0 and n_semi_hard=0 leave nothing to contrast with. Raise one of them, or use "
        'criterion="all-negatives".'
    )


def test_diverged_training(make, cube, labels):
    clf = make(lr=1e30, lr_schedule="constant", batch_size=32)
    assert message_of(TrainingDivergedError, clf, cube, labels) == (
        "The training loss became nan in epoch 1 with lr=1e+30 and batch_size=32. Lower lr, raise "
        "batch_size, or look for extreme values in the data."
    )


def test_device_that_is_not_there(make, cube, labels):
    message = message_of(ParameterError, make(device="xpu:7"), cube, labels)
    assert message.startswith("device='xpu:7' cannot be used on this machine (")
    assert message.endswith('). Pass "auto" to take the best available device, or "cpu".')


def test_validation_that_cannot_be_held_out(make, cube, labels):
    clf = make(validation_fraction=0.01)
    assert message_of(ParameterError, clf, cube, labels) == (
        "validation_fraction=0.01 leaves no block of 5 x 5 pixels that can be held out while every "
        "class keeps half of its samples. Raise the fraction, label more pixels, or pass "
        "validation_fraction=None."
    )


def test_weights_of_another_shape(make, cube, labels):
    with pytest.raises(DataError) as error:
        make().fit(cube, labels, sample_weight=np.ones(5))
    assert str(error.value) == (
        "sample_weight has shape (5,), the label map (18, 20). Give one weight per pixel of the "
        "map."
    )


@pytest.mark.slow
def test_warm_start_with_other_classes(make, cube, labels):
    clf = make(warm_start=True).fit(cube, labels)
    assert message_of(ParameterError, clf, cube, labels % 3) == (
        "warm_start=True continues with the classes of the previous fit, [1, 2, 3], but y holds "
        "[1, 2]. Pass samples of the same classes, or set warm_start=False."
    )


@pytest.mark.slow
def test_other_band_counts_in_prediction(make, cube, labels):
    clf = make().fit(cube, labels)
    with pytest.raises(DataError) as error:
        clf.predict(cube[..., :5])
    assert str(error.value) == (
        "X has 5 features (bands), but HSIPromptClassifier is expecting 12 features as input. "
        "Pass the bands it was fitted on, in the same order."
    )


@pytest.mark.slow
def test_spectra_for_a_classifier_of_windows(make, cube, labels):
    clf = make().fit(cube, labels)
    with pytest.raises(ParameterError) as error:
        clf.predict(cube[0])
    assert str(error.value) == (
        "The classifier was fitted with windows of 5 x 5 pixels and got single spectra. Pass the "
        "same kind of data as in fit, or PixelSamples or a cube, from which windows of the right "
        "size are cut. Tools that turn samples into arrays, such as permutation_importance, need a "
        "classifier fitted on arrays: clf.fit(np.asarray(X), y)."
    )


@pytest.mark.slow
def test_text_methods_without_text(make, cube, labels):
    clf = make(criterion="cross-entropy").fit(cube, labels)
    expected = (
        '{} needs prototypes, but criterion="cross-entropy" trained a linear head without text. '
        "Fit with another criterion."
    )
    for name, arguments in (
        ("similarity", (cube, ["corn"])),
        ("with_prompts", ({1: "a", 2: "b"},)),
    ):
        with pytest.raises(ParameterError) as error:
            getattr(clf, name)(*arguments)
        assert str(error.value) == expected.format(name)


@pytest.mark.slow
def test_new_prompts_without_a_text_encoder(make, cube, labels):
    clf = make().fit(cube, labels)
    with pytest.raises(ParameterError) as error:
        clf.with_prompts({1: "corn", 2: "oats"})
    assert str(error.value) == (
        "with_prompts needs a text encoder, but text_encoder is an array of ready-made embeddings. "
        "Fit with a model name, a folder or an object with .encode."
    )


def test_callbacks_that_watch_what_is_not_there(make, cube, labels):
    from skorch.callbacks import EarlyStopping

    message = message_of(ParameterError, make(callbacks=[EarlyStopping()]), cube, labels)
    assert message.startswith("A callback asks for a validation figure (")
    assert message.endswith(
        '), but nothing is held out. Set validation_fraction, or let it monitor "train_loss".'
    )


def test_vision_parameters_that_do_not_exist(make, cube, labels):
    assert message_of(ParameterError, make(vision_params={"dpeth": 2}), cube, labels) == (
        "vision_params has 'dpeth', which the vision encoder overlap-vit does not take. The names "
        "are depth, mask_ratio, mlp_width, n_heads, width."
    )


def test_patches_larger_than_the_window(make, cube, labels):
    assert message_of(ParameterError, make(patch_size=9), cube, labels) == (
        "patch_size=9 is larger than window_size=5. Choose a patch that fits into the window."
    )


@pytest.mark.parametrize(
    "weights", [{1: -1.0, 2: 1.0, 3: 1.0}, {1: np.nan}, {1: 0, 2: 0, 3: 0}, {}]
)
def test_class_weights_that_weigh_nothing(make, cube, labels, weights):
    assert message_of(ParameterError, make(class_weight=weights), cube, labels) == (
        f"class_weight={weights} must hold finite weights of at least 0, not all of them 0. Leave "
        'a class out to give it weight 1, or use "balanced".'
    )


@pytest.mark.slow
def test_no_samples(make, cube, labels):
    X, y = pixel_samples(cube, labels)
    expected = (
        "X holds no samples. Pass PixelSamples, a Scene, a cube (height, width, n_bands), spectra "
        "(n_samples, n_bands) or windows (n_samples, size, size, n_bands). Several cubes: "
        "pixel_samples([...], [...])."
    )
    assert message_of(DataError, make(), X[:0], y[:0]) == expected
    with pytest.raises(DataError) as error:
        make().fit(X, y).predict(X[:0])
    assert str(error.value) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"window_size": 3}, "the window, patch_size or vision_params"),
        ({"vision_params": {"depth": 2}}, "the window, patch_size or vision_params"),
        ({"projection": "text"}, "projection"),
        ({"criterion": "cross-entropy"}, "criterion"),
    ],
)
def test_warm_start_with_another_network(make, cube, labels, change, named):
    clf = make(warm_start=True).fit(cube, labels)
    expected = clf.predict_proba(cube)
    assert message_of(ParameterError, clf.set_params(**change), cube, labels) == (
        f"warm_start=True continues with the network of the previous fit, but {named} changed. "
        "Set them back, or set warm_start=False."
    )
    np.testing.assert_array_equal(clf.predict_proba(cube), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (
            {1: "a cab"},
            "with_prompts needs {label: text or list of texts} for at least two classes, got "
            "{1: 'a cab'}.",
        ),
        (
            "a photo of {}",
            "with_prompts needs {label: text or list of texts} for at least two classes, got 'a "
            "photo of {}'.",
        ),
        ({1: "a cab", "b": "dice"}, "Labels are all numbers or all strings, got [1, 'b']."),
    ],
)
def test_new_prompts_that_are_none(make, cube, labels, prompts, message):
    clf = make(criterion="all-negatives").fit(cube, labels)
    clf.text_encoder_ = "all-MiniLM-L6-v2"
    with pytest.raises(PromptError) as error:
        clf.with_prompts(prompts)
    assert str(error.value) == message


@pytest.mark.slow
def test_embeddings_in_a_list_do_not_encode_new_texts(make, cube, labels):
    clf = make(text_encoder=np.eye(3, 8).tolist()).fit(cube, labels)
    with pytest.raises(ParameterError, match="with_prompts needs a text encoder"):
        clf.with_prompts({1: "corn", 2: "oats"})


@pytest.mark.slow
def test_one_text_is_not_a_list_of_letters(make, cube, labels):
    clf = make().fit(cube, labels)
    clf.text_encoder_ = "all-MiniLM-L6-v2"
    with pytest.raises((ParameterError, PromptError)):
        clf.similarity(cube, "corn")
