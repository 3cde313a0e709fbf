"""Unit, resampling and ratio of a source travel from its file to the card of a model."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import rasterio
import xarray
from rasterio import Affine
from sklearn.pipeline import make_pipeline

from hsvlm import HSIPromptClassifier, PixelSamples, Raster, Scene, SpectralPCA
from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io import align, read_raster
from hsvlm.io.bands import match_or_warn
from hsvlm.persistence import load, save
from hsvlm.preprocessing import ElevationFeatures, SourceTransformer

FINE = np.random.default_rng(0).normal(10, 2, (36, 40)).astype(np.float32)
LINES = [
    "'dsm': unit m, resampling average, ratio 1",
    "'photo': unit unknown, resampling nearest, ratio 2",
    "'sar': unit unknown, not resampled, ratio 1",
]


@pytest.fixture
def stacked(cube, labels):
    scene = Scene(cube, labels, wavelengths_nm=np.arange(12) + 500.0)
    auxiliary = {
        "dsm": align(Raster(FINE, unit="m"), like=scene),
        "photo": align(FINE, like=scene, fold=True),
        "sar": FINE[::2, ::2],
    }
    return replace(scene, auxiliary=auxiliary)


@pytest.fixture
def fitted(stacked, settings):
    return HSIPromptClassifier(**{**settings, "max_epochs": 1}).fit(stacked)


def described(model):
    return {
        name: (details["unit"], details["resampling"], details["ratio"])
        for name, details in model.training_.to_dict()["sources"].items()
    }


DETAILS = {"dsm": ("m", "average", 1), "photo": ("", "nearest", 2), "sar": ("", "", 1)}


def write_tif(path):
    with rasterio.open(
        path, "w", "GTiff", 40, 36, 1, None, Affine(2, 0, 0, 0, -2, 0), "float32"
    ) as file:
        file.write(FINE, 1)
        file.units = ["m"]


def write_envi(path):
    FINE.tofile(path.with_suffix(".img"))
    path.write_text(
        "ENVI\nsamples = 40\nlines = 36\nbands = 1\ndata type = 4\ninterleave = bsq\n"
        "byte order = 0\nheader offset = 0\ndata units = m\n"
    )


def write_hdf5(path):
    with h5py.File(path, "w") as file:
        file["dsm"] = FINE
        file["dsm"].attrs["units"] = "m"


def write_netcdf(path):
    xarray.Dataset({"dsm": (("y", "x"), FINE, {"units": "m"})}).to_netcdf(path, engine="h5netcdf")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("dsm.tif", write_tif),
        ("dsm.hdr", write_envi),
        ("dsm.h5", write_hdf5),
        ("dsm.nc", write_netcdf),
    ],
)
def test_files_state_the_unit(tmp_path, name, write):
    write(tmp_path / name)
    assert read_raster(tmp_path / name).unit == "m"


def test_bands_of_different_units_have_none(tmp_path):
    path = tmp_path / "both.tif"
    with rasterio.open(
        path, "w", "GTiff", 40, 36, 2, None, Affine(2, 0, 0, 0, -2, 0), "float32"
    ) as file:
        file.units = ["m", "degree"]
    assert read_raster(path).unit == ""


def test_a_raster_knows_how_it_was_made(cube):
    scene = Scene(cube)
    fine = Raster(FINE, unit=" m\n", ratio=3)
    averaged = align(fine, like=scene)
    assert (averaged.unit, averaged.resampling, averaged.ratio) == ("m", "average", 3)
    folded = align(fine, like=scene, fold=True)
    assert (folded.unit, folded.resampling, folded.ratio) == ("m", "nearest", 6)
    assert align(FINE[:18, :20], like=scene).resampling == ""
    assert align(FINE[:9, :10], like=scene).resampling == "bilinear"
    # Slopes and heights are channels of one raster.
    assert ElevationFeatures(sizes=(3,)).fit_transform(averaged).unit == ""


def test_scenes_keep_the_details_of_their_sources(stacked):
    assert stacked.summary()["sources"] == "; ".join(LINES)
    assert list(stacked.select_sources(["photo", "spectra"]).source_details) == ["photo"]
    centers = [*np.arange(12)[::-1] + 500.0, *[np.nan] * 6]
    turned = match_or_warn(stacked, centers, resample=False)
    assert turned is not stacked
    assert turned.source_details == stacked.source_details
    X, _ = stacked.samples()
    assert PixelSamples.concatenate([X[:3], X[5:]]).channels.details == stacked.source_details
    other = replace(
        stacked.select_sources(["spectra"]),
        sources=None,
        auxiliary={
            "dsm": Raster(FINE[::2, ::2], unit="m"),
            "photo": np.ones((18, 20, 4)),
            "sar": FINE[::2, ::2],
        },
    )
    joined = PixelSamples.concatenate([X, other.samples()[0]]).channels.details
    assert (joined["dsm"].unit, joined["dsm"].resampling) == ("m", "")
    assert (joined["photo"].ratio, joined["sar"].ratio) == (1, 1)


@pytest.mark.slow
def test_the_card_and_the_saved_model_state_them(fitted, tmp_path):
    assert described(fitted) == DETAILS
    path = fitted.save(tmp_path / "model", metadata={"site": "Houston"})
    card = (path / "README.md").read_text()
    for line in LINES:
        assert f"- source {line}" in card
    assert described(HSIPromptClassifier.load(path)) == DETAILS


@pytest.mark.slow
def test_pipelines_state_the_sources_of_their_input(stacked, settings, tmp_path):
    X, y = stacked.samples()
    changes = {"n_components": None, "normalize": None, "max_epochs": 1}
    steps = SourceTransformer({"spectra": SpectralPCA(3)})
    pipeline = make_pipeline(steps, HSIPromptClassifier(**{**settings, **changes})).fit(X, y)
    path = save(pipeline, tmp_path / "model")
    assert "- source 'dsm': unit m, resampling average, ratio 1" in (path / "README.md").read_text()
    assert described(load(path)[-1]) == DETAILS


def test_models_without_details_load(fitted, stacked, tmp_path):
    plain = replace(fitted.training_, sources={})
    fitted.training_ = plain
    path = fitted.save(tmp_path / "older")
    assert "sources" not in json.loads((path / "config.json").read_text())["classifier"]["training"]
    assert described(HSIPromptClassifier.load(path)) == {}
    assert "- source " not in (path / "README.md").read_text()


@pytest.mark.parametrize(
    "details", [{"unit": 1}, {"resampling": None}, {"ratio": 0}, {"ratio": True}, {"ratio": "2"}]
)
def test_details_that_no_fit_makes_are_refused(fitted, tmp_path, details):
    changed = {"dsm": replace(fitted.training_.sources["dsm"], **details)}
    fitted.training_ = replace(fitted.training_, sources=changed)
    with pytest.raises(FileError, match="a source of the training"):
        HSIPromptClassifier.load(fitted.save(tmp_path / "model"))


def test_another_unit_gives_a_warning(fitted, stacked, cube, labels):
    def with_unit(unit):
        details = {**stacked.source_details}
        details["dsm"] = replace(details["dsm"], unit=unit)
        return replace(stacked, source_details=details)

    for X in (with_unit("ft"), with_unit("ft").samples()[0]):
        with pytest.warns(HSVLMWarning) as caught:
            fitted.predict(X)
        assert [str(each.message) for each in caught] == [
            "The source 'dsm' is in ft, and was in m in the training. Convert its values if the "
            "units differ in more than their names."
        ]
    fitted.predict(with_unit(""))
    fitted.predict(stacked)
