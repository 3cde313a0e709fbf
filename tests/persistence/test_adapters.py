"""Classifiers that are kept without the pre-trained weights that they were adapted from."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from peft import PeftConfig, get_peft_model_state_dict
from peft.utils.save_and_load import load_peft_weights
from safetensors.torch import load_file, save_file

from hsvlm import HSIPromptClassifier

# To forge files, and those of an encoder that would take minutes to train.
from hsvlm._saved_model.adapter import separate_adapter
from hsvlm._storage.parts import read_parts, write_parts
from hsvlm._training_record import TrainedAdapter
from hsvlm.contrastive.adapter_settings import AdapterSettings
from hsvlm.contrastive.adapters import adapt
from hsvlm.exceptions import FileError, MissingFileError, ParameterError
from hsvlm.persistence import load
from hsvlm.pretraining import PretrainedEncoder
from hsvlm.vision.overlap import OverlapViT
from hsvlm.vision.spectralgpt import SpectralGPT
from hsvlm.vision.transplant import PretrainedViT

PARAMS = {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16}
TENSORS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def make_pretrained(seed=3, digest="ab" * 32):
    torch.manual_seed(seed)
    weights = OverlapViT(n_channels=6, window_size=5, patch_size=1, **PARAMS).state_dict()
    return PretrainedEncoder("overlap-vit", PARAMS, weights, digest=digest)


def fitted(cube, labels, settings, **changes):
    plain = {name: value for name, value in settings.items() if name != "vision_params"}
    arguments = {**plain, "pretrained": make_pretrained(), "adapter": "krona+", **changes}
    return HSIPromptClassifier(**arguments).fit(cube, labels)


@pytest.fixture
def adapted(cube, labels, settings):
    return fitted(cube, labels, settings)


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ["frozen", "krona", "krona+", "lokr", "lora", "lora+"])
def test_round_trip(cube, labels, settings, adapter, tmp_path):
    clf = fitted(cube, labels, settings, adapter=adapter, adapter_params={"scale": 0.5})
    path = clf.save_adapter(tmp_path / "adapter", metadata={"sensor": "AVIRIS"})
    loaded = HSIPromptClassifier.load_adapter(path, make_pretrained())
    assert np.array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))
    assert loaded.metadata_ == {"sensor": "AVIRIS"}
    again = loaded.save_adapter(tmp_path / "again.zip")
    assert read_parts(again)[TENSORS] == read_parts(path)[TENSORS]


@pytest.mark.slow
def test_a_whole_model_keeps_the_adapter(cube, adapted, tmp_path):
    loaded = HSIPromptClassifier.load(adapted.save(tmp_path / "model"))
    assert np.array_equal(loaded.predict_proba(cube), adapted.predict_proba(cube))
    assert (loaded.adapter_.method, loaded.adapter_.base) == ("krona+", "ab" * 32)
    assert loaded.adapter_.n_trained == adapted.adapter_.n_trained
    path = loaded.save_adapter(tmp_path / "adapter")
    other = HSIPromptClassifier.load_adapter(path, make_pretrained())
    assert np.array_equal(other.predict_proba(cube), adapted.predict_proba(cube))


@pytest.mark.slow
def test_a_loaded_adapter_continues(cube, labels, settings, tmp_path):
    clf = fitted(cube, labels, settings, warm_start=True)
    loaded = HSIPromptClassifier.load_adapter(clf.save_adapter(tmp_path / "a"), make_pretrained())
    loaded.set_params(pretrained=make_pretrained())
    clf.fit(cube, labels)
    loaded.fit(cube, labels)
    assert np.array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))


@pytest.mark.slow
def test_files_have_no_weights_of_the_base(adapted, tmp_path):
    path = adapted.save_adapter(tmp_path / "adapter")
    names = set(load_file(path / "model.safetensors"))
    assert not [name for name in names if name.startswith("network.encoder.")]
    assert "network.vision_projection.weight" in names
    factors = load_file(path / TENSORS)
    assert {name.split(".")[-2] for name in factors} == {"q", "v"}
    # Two matrices of a factor (4, 4) each, for queries and for values.
    assert sum(tensor.numel() for tensor in factors.values()) == 2 * 2 * 16


@pytest.mark.slow
def test_the_card_says_what_is_missing(adapted, tmp_path):
    path = adapted.save_adapter(tmp_path / "adapter")
    card = (path / "README.md").read_text(encoding="utf-8")
    assert "load_adapter(" in card
    assert f'SHA-256 {"ab" * 32}, adapted by "krona+": ' in card
    assert "load_adapter(" not in (adapted.save(tmp_path / "m") / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_the_card_states_the_license_of_published_weights(cube, labels, settings, tmp_path):
    pretrained = replace(make_pretrained(), provenance={"license": "CC-BY-NC-4.0"})
    clf = fitted(cube, labels, settings, pretrained=pretrained)
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"))
    assert loaded.adapter_.license == "CC-BY-NC-4.0"
    card = (loaded.save_adapter(tmp_path / "adapter") / "README.md").read_text(encoding="utf-8")
    assert "license of the published pre-trained weights: CC-BY-NC-4.0" in card


@pytest.mark.slow
def test_peft_reads_the_configuration(adapted, tmp_path):
    path = adapted.save_adapter(tmp_path / "adapter")
    config = PeftConfig.from_pretrained(str(path))
    assert config.peft_type == "LOKR"
    assert config.base_model_name_or_path == f"sha256:{'ab' * 32}"
    assert set(config.target_modules) == {"blocks.0.qkv.q", "blocks.0.qkv.v"}


@pytest.mark.slow
def test_peft_reads_the_factors(adapted, tmp_path):
    path = adapted.save_adapter(tmp_path / "adapter")
    factors = load_peft_weights(str(path), device="cpu")
    own = adapted.adapter_.factors
    assert factors.keys() == {f"base_model.model.{name}" for name in own}
    for name, values in own.items():
        assert np.array_equal(factors[f"base_model.model.{name}"], values)


@pytest.mark.parametrize(
    ("method", "params", "n_values", "n_bytes"),
    [
        ("lora", {"rank": 1}, 36_864, 152_776),
        ("lora", {"rank": 8}, 294_912, 1_185_048),
        ("krona+", None, 38_400, 158_632),
        ("lokr", {"rank": 8}, 26_112, 112_000),
    ],
)
def test_sizes_of_files_of_a_large_encoder(method, params, n_values, n_bytes):
    settings = AdapterSettings.of(method, params)
    with torch.device("meta"):
        encoder = SpectralGPT(12, 9)
        adapt(encoder, settings, set(encoder.state_dict()))
    shapes = {name: tensor.shape for name, tensor in get_peft_model_state_dict(encoder).items()}
    adapter = TrainedAdapter(
        method=method,
        params=settings.to_dict(),
        base="ab" * 32,
        base_names=(),
        factors={name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()},
        config={},
        n_trained=n_values,
        n_weights=0,
    )
    assert sum(values.size for values in adapter.factors.values()) == n_values
    _, parts = separate_adapter({}, adapter)
    assert len(parts[TENSORS]) == n_bytes


@pytest.mark.slow
def test_another_base_is_refused(adapted, tmp_path):
    path = adapted.save_adapter(tmp_path / "adapter")
    other = make_pretrained(digest="cd" * 32)
    with pytest.raises(ParameterError) as error:
        HSIPromptClassifier.load_adapter(path, other)
    assert str(error.value) == (
        f"The adapter in {path} belongs to pre-trained weights with the digest {'ab' * 32}; these "
        f"have {'cd' * 32}. Give the weights that it was trained on."
    )


@pytest.mark.slow
def test_an_adapter_alone_is_not_a_model(adapted, tmp_path):
    path = adapted.save_adapter(tmp_path / "adapter")
    for read in (load, HSIPromptClassifier.load):
        with pytest.raises(FileError, match="holds an adapter without the pre-trained weights"):
            read(path)


@pytest.mark.slow
def test_a_model_is_not_an_adapter(adapted, tmp_path):
    path = adapted.save(tmp_path / "model")
    with pytest.raises(FileError, match=r"holds a whole model, not an adapter. Use .*load\(path\)"):
        HSIPromptClassifier.load_adapter(path, make_pretrained())


@pytest.mark.slow
@pytest.mark.parametrize(("adapter", "message"), [("full", "changed all"), (None, "changed all")])
def test_nothing_is_left_out_after_full_training(
    cube, labels, settings, adapter, message, tmp_path
):
    clf = fitted(cube, labels, settings, adapter=adapter)
    with pytest.raises(ParameterError, match=message):
        clf.save_adapter(tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


@pytest.mark.slow
def test_a_fit_without_pretrained_weights_has_no_adapter(cube, labels, settings, tmp_path):
    clf = HSIPromptClassifier(**settings).fit(cube, labels)
    with pytest.raises(ParameterError, match="was not adapted from pre-trained weights"):
        clf.save_adapter(tmp_path / "adapter")


@pytest.mark.slow
def test_a_flipped_byte_is_noticed(adapted, tmp_path):
    path = adapted.save_adapter(tmp_path / "adapter")
    content = bytearray((path / TENSORS).read_bytes())
    content[-1] ^= 1
    (path / TENSORS).write_bytes(content)
    with pytest.raises(FileError, match=f"{TENSORS} does not have the digest in SHA256SUMS"):
        HSIPromptClassifier.load_adapter(path, make_pretrained())


@pytest.mark.slow
@pytest.mark.parametrize("name", [TENSORS, CONFIG])
def test_a_missing_file_is_noticed(adapted, tmp_path, name):
    path = adapted.save_adapter(tmp_path / "adapter")
    (path / name).unlink()
    with pytest.raises((FileError, MissingFileError), match=r"SHA256SUMS|whole model"):
        HSIPromptClassifier.load_adapter(path, make_pretrained())


def _without_one(factors):
    factors.popitem()


def _with_another(factors):
    factors["base_model.model.blocks.9.qkv.q.lokr_w1"] = torch.zeros(4, 4)


def _of_other_shape(factors):
    name = next(iter(factors))
    factors[name] = torch.zeros(2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("change", [_without_one, _with_another, _of_other_shape])
def test_factors_of_another_layout_are_refused(adapted, tmp_path, change):
    parts = read_parts(adapted.save_adapter(tmp_path / "adapter"))
    factors = load_file(tmp_path / "adapter" / TENSORS)
    change(factors)
    save_file(factors, tmp_path / "factors")
    forged = write_parts(
        tmp_path / "forged.zip", {**parts, TENSORS: (tmp_path / "factors").read_bytes()}
    )
    with pytest.raises(FileError, match="the factors belong to other layers or have another rank"):
        HSIPromptClassifier.load_adapter(forged, make_pretrained())


@pytest.mark.slow
def test_a_rank_that_disagrees_is_refused(cube, labels, settings, tmp_path):
    clf = fitted(cube, labels, settings, adapter="lora", adapter_params={"rank": 2})
    parts = read_parts(clf.save_adapter(tmp_path / "adapter"))
    config = json.loads(parts["config.json"])
    config["classifier"]["adapter"]["params"]["dict"]["rank"] = 3
    forged = write_parts(
        tmp_path / "forged.zip", {**parts, "config.json": json.dumps(config).encode()}
    )
    with pytest.raises(FileError, match=re.escape("have another rank")):
        HSIPromptClassifier.load_adapter(forged, make_pretrained())


@pytest.mark.slow
def test_a_fixed_projection_is_small(cube, labels, settings, tmp_path):
    sizes = {}
    for projection in ("fixed", "vision"):
        clf = fitted(cube, labels, settings, projection=projection)
        path = clf.save_adapter(tmp_path / projection)
        sizes[projection] = (path / "model.safetensors").stat().st_size
        loaded = HSIPromptClassifier.load_adapter(path, make_pretrained())
        assert np.array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))
    assert sizes["fixed"] < sizes["vision"]


def test_a_file_is_read_as_in_the_fit(cube, labels, settings, tmp_path):
    """The file does not tell the number of heads."""
    torch.manual_seed(3)
    params = {**PARAMS, "norm_eps": 1e-6}
    encoder = PretrainedViT(n_channels=6, window_size=5, patch_size=1, **params)
    torch.save(encoder.state_dict(), tmp_path / "model.pth")
    changes = {"pretrained": tmp_path / "model.pth", "vision_params": {"n_heads": 2}}
    clf = fitted(cube, labels, settings, **changes)
    clf.save_adapter(tmp_path / "adapted")
    loaded = HSIPromptClassifier.load_adapter(
        tmp_path / "adapted", pretrained=changes["pretrained"]
    )
    np.testing.assert_array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))


def test_settings_may_be_numbers_of_numpy(cube, labels, settings, tmp_path):
    params = {"rank": np.int64(2), "scale": np.float32(2)}
    clf = fitted(cube, labels, settings, adapter="lora", adapter_params=params)
    clf.save_adapter(tmp_path / "adapted")
    base = make_pretrained()
    loaded = HSIPromptClassifier.load_adapter(tmp_path / "adapted", pretrained=base)
    assert loaded.adapter_.params == {"rank": 2, "scale": 2.0}
