"""Read a pre-trained encoder from a file."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

from hsvlm._system.files import file_error
from hsvlm._system.hub import HUB
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import HSVLMWarning, ParameterError
from hsvlm.pretraining._body import find_body
from hsvlm.pretraining._encoder import PretrainedEncoder
from hsvlm.pretraining._files import read_weight_file
from hsvlm.pretraining._folder import ENCODER, digest_of, read_encoder_folder
from hsvlm.pretraining._heads import choose_heads
from hsvlm.pretraining._hub import fetch_from_hub
from hsvlm.pretraining._layouts import find_layout, refuse_other_attention
from hsvlm.pretraining._spectralgpt import (
    CUBE_ENCODERS,
    MODEL,
    check_spectralgpt,
    embedding_weights,
)

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from hsvlm.pretraining._body import Body
    from hsvlm.pretraining._files import WeightFile
    from hsvlm.pretraining._layouts import Layout

__all__ = ["load_pretrained"]

_BODY: Final = "pretrained-vit"
_ENCODERS: Final = (_BODY, *CUBE_ENCODERS)


def load_pretrained(
    path: str | os.PathLike[str],
    *,
    vision_encoder: str | None = None,
    n_heads: int | None = None,
) -> PretrainedEncoder:
    """Read a pre-trained vision encoder from a file or folder.

    Folders are those that hsvlm writes. Of a model of others, the layers of its transformer are
    taken, and the vision encoder ``"pretrained-vit"`` puts an embedding of its own in front of
    them, which is trained with the classifier. Files of SpectralGPT, Galileo, Presto, DOFA,
    Copernicus-FM, Prithvi, SatMAE, SpectralEarth and other plain vision transformers are recognized
    by the names of their tensors.
    Files are only read: code in them is never run, and a file that asks for it is refused.

    Parameters
    ----------
    path : str or path-like
        File that ends in ``.safetensors``, ``.pt``, ``.pth``, ``.bin`` or ``.ckpt``, or folder with
        an ``encoder.json``. ``"hf://owner/model/file"``, also with ``@revision`` after the model,
        is a file on the Hugging Face hub, which is downloaded unless it is in the local cache.
    vision_encoder : {"pretrained-vit", "spectralgpt", "sentinel-spectralgpt"} or None, \
default=None
        Encoder that takes the weights. None is ``"spectralgpt"`` for files of SpectralGPT, which
        are then used as they are, with their embedding and positions, and ``"pretrained-vit"``
        for all others. ``"sentinel-spectralgpt"`` is the same on averages over the bands of
        Sentinel-2.
    n_heads : int or None, default=None
        Number of attention heads, which weights do not tell. None: what a JSON file beside the
        weights says (``config.json``, or their name with ``.json`` or ``_config.json``), then what
        is known of the model, then one head per 64 features.

    Returns
    -------
    PretrainedEncoder
        Weights in float32. Its `provenance` names the model that the file was recognized as, the
        licence of the published files of that model, the SHA-256 of the file, and what was assumed.

    Raises
    ------
    MissingFileError
        If there is no such file.
    DownloadError
        If a file on the hub is neither in the local cache nor available from the network.
    FileError
        If the file is damaged, asks for code, or does not hold a plain vision transformer.
    ParameterError
        If `vision_encoder` cannot take the weights, `n_heads` does not divide their width, or
        either is set for a folder, which states both.

    Warns
    -----
    HSVLMWarning
        If the licence of the published files excludes commercial use.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> from hsvlm.pretraining import load_pretrained
    >>> from hsvlm.vision.transplant import PretrainedViT
    >>> model = PretrainedViT(n_channels=3, window_size=3, patch_size=1, width=64, n_heads=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"model": model.state_dict(), "epoch": 9}, f"{folder}/model.pth")
    ...     pretrained = load_pretrained(f"{folder}/model.pth")
    >>> pretrained.vision_params["depth"], pretrained.provenance["format"]
    (4, 'ViT')
    >>> pretrained.dropped
    ('embedding.bias', 'embedding.weight', 'positions')
    """
    if vision_encoder not in (None, *_ENCODERS):
        names = ", ".join(f'"{name}"' for name in _ENCODERS)
        raise ParameterError(
            f"vision_encoder={vision_encoder!r} cannot take weights of others. Use {names}, or "
            "None to choose by the file."
        )
    if isinstance(path, str) and path.startswith(HUB):
        path = fetch_from_hub(path)
    if (folder := expand_home(path)).is_dir():
        return _load_folder(folder, vision_encoder, n_heads)
    file = read_weight_file(path)
    refuse_other_attention(file)
    layout = find_layout(file)
    name = vision_encoder or (CUBE_ENCODERS[0] if layout.name == MODEL else _BODY)
    if name in CUBE_ENCODERS:
        check_spectralgpt(file, layout, name)
    body = find_body(file)
    heads, reason = choose_heads(file, layout, body.width, n_heads)
    params = _body_params(body, heads, layout)
    weights, used = body.weights, body.used
    if name in CUBE_ENCODERS:
        if not params.pop("qkv_bias"):
            problem = "its queries, keys and values have no bias, unlike those of SpectralGPT"
            raise file_error(file.path, problem, f'Use vision_encoder="{_BODY}".')
        embedding = embedding_weights(file, body)
        weights = embedding | weights
        used |= {body.prefix + name for name in embedding}
    _warn_of_license(file, layout)
    return PretrainedEncoder(
        name,
        params,
        weights,
        digest_of(weights),
        _provenance(file, layout, body, f"n_heads={heads}: {reason}"),
        tuple(sorted(file.tensors.keys() - used)),
    )


def _warn_of_license(file: WeightFile, layout: Layout) -> None:
    if layout.forbids_commercial_use:
        message = (
            f"{file.path} looks like a file of {layout.name}, published under {layout.license}, "
            f"which excludes commercial use. See {layout.source}."
        )
        warnings.warn(message, HSVLMWarning, stacklevel=3)


def _load_folder(
    folder: Path, vision_encoder: str | None, n_heads: int | None
) -> PretrainedEncoder:
    if not (folder / ENCODER).is_file():
        problem = f"is a folder without {ENCODER}"
        raise file_error(folder, problem, "Give the path of the file of weights in it.")
    for name, value in {"vision_encoder": vision_encoder, "n_heads": n_heads}.items():
        if value is not None:
            raise ParameterError(
                f"{name}={value!r} cannot be set for {folder}, whose {ENCODER} states it. Leave it "
                "at None."
            )
    return read_encoder_folder(folder)


def _body_params(body: Body, n_heads: int, layout: Layout) -> dict[str, Any]:
    return {
        "width": body.width,
        "depth": body.depth,
        "n_heads": n_heads,
        "mlp_width": body.mlp_width,
        "norm_eps": layout.norm_eps,
        "qkv_bias": body.qkv_bias,
    }


def _provenance(file: WeightFile, layout: Layout, body: Body, heads: str) -> dict[str, Any]:
    assumed = [heads, f"norm_eps={layout.norm_eps:g}: what is known of {layout.name}"]
    if not body.has_norm:
        assumed.append("norm: not in the file, and trained from the start")
    return {
        "format": layout.name,
        "file": file.path.name,
        "sha256": file.digest,
        "license": layout.license,
        "source": layout.source,
        "assumed": assumed,
        "other_entries": list(file.other_entries),
    }
