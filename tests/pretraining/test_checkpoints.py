"""A masked pre-training that was killed resumes with identical results."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hsvlm.exceptions import FileError, HSVLMWarning, ParameterError

# Where it is killed cannot be set from outside.
from hsvlm.pretraining import _loop


class PowerCutError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def make_kept(make, tmp_path):
    """A function that makes a pre-trainer with checkpoints."""

    def make_small(**changes):
        settings = {"checkpoint_dir": tmp_path / "runs", "checkpoint_every": 2, "resume": True}
        return make(**{"max_epochs": 5, **settings, **changes})

    return make_small


@pytest.fixture
def cut(monkeypatch):
    """A function that ends a training in an epoch; it returns the list of epochs that were run."""
    epoch = _loop.WindowStream.epoch

    def cut_in(number, error=PowerCutError):
        started = []

        def stopped(self, rng):
            started.append(len(started) + 1)
            batches = epoch(self, rng)
            yield next(batches)
            if len(started) == number:
                raise error
            yield from batches

        monkeypatch.setattr(_loop.WindowStream, "epoch", stopped)
        return started

    return cut_in


def kill(pretrainer, scene, cut, number):
    cut(number)
    with pytest.raises(PowerCutError):
        pretrainer.fit(scene)
    return cut(None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"samples_per_epoch": 100},
        # Drops tokens by torch's own generator.
        {
            "vision_encoder": "vit",
            "vision_params": {"width": 8, "depth": 1, "n_heads": 2, "mask_ratio": 0.5},
            "window_size": 9,
        },
    ],
)
def test_it_resumes_to_the_bit(make, make_kept, scene, cut, changes):
    whole = make(max_epochs=5, **changes).fit(scene)
    epochs = kill(make_kept(**changes), scene, cut, 4)
    resumed = make_kept(**changes).fit(scene)
    assert epochs == [1, 2, 3]  # those after the second
    assert resumed.encoder_.digest == whole.encoder_.digest
    losses = [[row["train_loss"] for row in each.history_] for each in (whole, resumed)]
    assert losses[0] == losses[1]
    assert resumed.encoder_.provenance == whole.encoder_.provenance


@pytest.mark.slow
def test_the_best_weights_are_kept(make_kept, scene, cut):
    kill(make_kept(), scene, cut, 4)
    cut(1, KeyboardInterrupt)
    with pytest.warns(HSVLMWarning) as caught:
        interrupted = make_kept().fit(scene)
    assert "can be used; resume=True continues from the last checkpoint." in str(caught[0].message)
    assert [row["epoch"] for row in interrupted.history_] == [1, 2]


@pytest.mark.slow
def test_a_finished_training_is_not_repeated(make_kept, scene, cut):
    first = make_kept().fit(scene)
    epochs = cut(None)
    again = make_kept().fit(scene)
    assert epochs == []
    assert again.encoder_.digest == first.encoder_.digest


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"resume": False},
        {"random_state": 1},
        {"mask_ratio": 0.5},
        {"lr": 1e-2},
        {"max_epochs": 6},
        {"normalize": None},
    ],
)
def test_another_training_starts_afresh(make_kept, scene, cut, changes):
    kill(make_kept(), scene, cut, 4)
    epochs = cut(None)
    make_kept(**changes).fit(scene)
    assert len(epochs) == changes.get("max_epochs", 5)


@pytest.mark.slow
def test_other_pixels_are_another_training(make_kept, scene, cut):
    kill(make_kept(), scene, cut, 4)
    epochs = cut(None)
    X, _ = scene.samples()
    make_kept().fit(scene, exclude=X[:1])
    cube = np.array(scene.cube)
    cube[0, 0, 0] *= 1.5
    make_kept().fit(replace(scene, cube=cube))
    assert len(epochs) == 10


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused(make_kept, scene, cut, tmp_path):
    kill(make_kept(), scene, cut, 4)
    (path,) = (tmp_path / "runs").glob("*.zip")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(FileError) as error:
        make_kept().fit(scene)
    assert str(error.value).startswith(f"The checkpoint cannot be continued from. {path}: ")
    assert str(error.value).endswith("Delete it to start this training afresh.")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"checkpoint_dir": None},
            "resume=True needs to know where the checkpoints are. Set checkpoint_dir to the folder "
            "that the interrupted training had.",
        ),
        (
            {"random_state": None},
            "checkpoint_dir needs a random_state: with None, every fit draws another seed, and "
            "none could be continued. Set an integer.",
        ),
    ],
)
def test_settings_that_contradict_each_other(make_kept, scene, changes, message):
    with pytest.raises(ParameterError) as error:
        make_kept(**changes).fit(scene)
    assert str(error.value) == message


def test_a_folder_that_cannot_be_made(make_kept, scene, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be made"):
        make_kept(checkpoint_dir=tmp_path / "file").fit(scene)


@pytest.mark.slow
def test_the_generators_of_the_caller_are_left_alone(make_kept, scene, cut):
    kill(make_kept(), scene, cut, 4)
    cut(None)
    state = torch.get_rng_state()
    make_kept().fit(scene)
    assert torch.equal(torch.get_rng_state(), state)


def test_other_wavelengths_are_another_training(make_kept, scene):
    """The encoder is told them, and has none among its weights."""
    corrected = replace(scene, wavelengths_nm=np.asarray(scene.wavelengths_nm) + 300)
    settings = {"vision_encoder": "wavelength-vit", "window_size": 5, "max_epochs": 1}
    first = make_kept(**settings).fit(scene).encoder_
    again = make_kept(**settings).fit(corrected).encoder_
    plain = make_kept(**settings, checkpoint_dir=None, resume=False).fit(corrected).encoder_
    assert again.digest == plain.digest != first.digest


def test_an_interruption_before_the_first_checkpoint(make_kept, scene, cut):
    cut(2, KeyboardInterrupt)
    with pytest.warns(HSVLMWarning, match="was interrupted in epoch 2") as record:
        make_kept(checkpoint_every=5).fit(scene)
    assert "resume=True" not in str(record[0].message)
