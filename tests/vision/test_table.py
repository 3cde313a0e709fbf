"""The table of vision encoders in the guide agrees with the classes."""

import re
from pathlib import Path

import pytest
import torch

from hsvlm.vision import get_vision_encoder, list_vision_encoders
from hsvlm.vision.arguments import encoder_arguments, required_params

DOCS = Path(__file__).parents[2] / "docs"
COLUMNS = (
    "network",
    "reference",
    "parameters",
    "least window",
    "least channels",
    "spectral order",
    "window",
    "components",
)
N_BANDS = 200
PATCH_SIZE = 3


def read_table():
    """Return name, class path and columns of each encoder."""
    page = (DOCS / "guide" / "encoders.md").read_text(encoding="utf-8")
    assert f"| name | {' | '.join(COLUMNS)} |" in page
    rows = re.findall(r"^\| \{class\}`(\S+) <(\S+)>` \| (.*) \|$", page, re.MULTILINE)
    return [
        (name, path, dict(zip(COLUMNS, cells.split(" | "), strict=True)))
        for name, path, cells in rows
    ]


TABLE = read_table()


def number(cell):
    return int(cell.replace(",", ""))


def test_every_encoder_has_its_row():
    assert [name for name, _, _ in TABLE] == list_vision_encoders()


@pytest.mark.parametrize(("name", "path", "row"), TABLE, ids=lambda part: str(part)[:20])
def test_the_row_of_an_encoder_is_right(name, path, row):
    encoder_class = get_vision_encoder(name)
    assert path == f"{encoder_class.__module__}.{encoder_class.__qualname__}"
    assert number(row["least window"]) == encoder_class.MIN_WINDOW
    assert number(row["least channels"]) == encoder_class.MIN_CHANNELS
    assert row["spectral order"] in {"yes", "no"}
    reference = (DOCS / "api" / "index.rst").read_text(encoding="utf-8")
    assert f"   {path.removeprefix('hsvlm.vision.')}\n" in reference
    if required_params(encoder_class):
        return  # which have a test of their own
    takes_all = row["components"] == "all"
    n_channels = N_BANDS if takes_all else number(row["components"])
    arguments = encoder_arguments(
        encoder_class,
        n_channels=n_channels,
        window_size=number(row["window"]),
        patch_size=PATCH_SIZE,
        params=None,
        wavelengths_nm=[400.0 + 11 * channel for channel in range(n_channels)],
    )
    with torch.device("meta"):
        encoder = encoder_class(**arguments)
    assert number(row["parameters"]) == sum(each.numel() for each in encoder.parameters())
