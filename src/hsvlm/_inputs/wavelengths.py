"""Wavelengths of the bands for an encoder that is told them."""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.wavelengths import agreed_wavelengths, describe_shift
from hsvlm._inputs.scenes import as_scenes
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["told_wavelengths"]

_NAME = "wavelengths_nm"


def told_wavelengths(
    params: Mapping[str, Any] | None, X: Any, encoder_name: str, otherwise: Any = None
) -> list[float]:
    """Return the band centers that `vision_params` state, or those of X, in nanometers.

    `otherwise`: band centers, (n_bands,), where neither has any.
    """
    stated, own = _stated_wavelengths(params or {}), _wavelengths_of(X)
    if stated is not None and own is not None:
        shift = describe_shift(stated, own)
        if shift is not None:
            raise ParameterError(
                f'vision_params["{_NAME}"] are not the wavelengths of X: {shift}.',
                "Leave them out, or correct those of the scene: "
                f"dataclasses.replace(scene, {_NAME}=...).",
            )
    centers = next((each for each in (stated, own, otherwise) if each is not None), None)
    if centers is None:
        raise ParameterError(
            f'The vision encoder "{encoder_name}" is told the wavelengths of the bands, and X has '
            "none.",
            f'Pass a Scene with {_NAME} or samples of it, or vision_params={{"{_NAME}": [...]}} '
            "with the band centers in nanometers.",
            option_hint="Add the wavelengths to the header of the file.",
        )
    # Files and checkpoints hold plain numbers.
    return list(np.asarray(centers, dtype=np.float64).tolist())


def _stated_wavelengths(params: Mapping[str, Any]) -> NDArray[np.float64] | None:
    stated = params.get(_NAME)
    if stated is None:
        return None
    try:
        centers = np.asarray(stated, dtype=np.float64)
    except (TypeError, ValueError):
        centers = np.empty(())
    if centers.ndim != 1:
        raise ParameterError(
            f'vision_params["{_NAME}"]={reprlib.repr(stated)} is not a list of numbers. Give the '
            "band centers in nanometers."
        )
    return centers


def _wavelengths_of(X: Any) -> Any:
    scenes = as_scenes(X)
    if scenes is None:
        return getattr(X, _NAME, None)
    return agreed_wavelengths([scene.wavelengths_nm for scene in scenes])
