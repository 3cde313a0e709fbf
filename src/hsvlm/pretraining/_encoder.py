"""A pre-trained vision encoder: its weights, how to make it, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn.pipeline import Pipeline
    from torch import Tensor, nn

__all__ = ["PretrainedEncoder"]


@runtime_checkable
class _Resizes(Protocol):
    def resized(self, name: str, tensor: Tensor) -> Tensor: ...


@dataclass(frozen=True, eq=False, repr=False)
class PretrainedEncoder:
    """Weights of a vision encoder that were trained before, and how to make that encoder.

    It prints as what is known of it: model, licence, what was assumed, and what was not used.

    Parameters
    ----------
    vision_encoder : str
        Registered name of the encoder.
    vision_params : mapping of str to object
        Arguments of its constructor other than channels, window and patch.
    weights : mapping of str to torch.Tensor
        Tensors by their names in the encoder. Weights of the encoder that are absent start at
        random and are always trained.
    digest : str
        SHA-256 of the weights, in hexadecimal digits.
    provenance : mapping of str to object
        What is known of the file: format, licence, what was assumed, and the like; for people.
    dropped : tuple of str, default=()
        Names of tensors in the file that the encoder has no use for, such as those of a decoder.
    window_size, patch_size : int or None, default=None
        Side of a window and of a patch in pixels in the pre-training, where it fixes them.
    preprocessing : Pipeline or None, default=None
        Fitted steps from spectra to the channels that the encoder was trained on. Without them
        a classifier fits its own, and the first layer of the encoder is new.
    """

    vision_encoder: str
    vision_params: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    digest: str
    provenance: Mapping[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    window_size: int | None = None
    patch_size: int | None = None
    preprocessing: Pipeline | None = None

    @property
    def n_values(self) -> int:
        """Number of all values of the weights."""
        return sum(tensor.numel() for tensor in self.weights.values())

    def __repr__(self) -> str:
        of_model = f" of {self.provenance['format']}" if "file" in self.provenance else ""
        return f"<PretrainedEncoder {self.vision_encoder}{of_model}, {self.n_values:,} values>"

    def __str__(self) -> str:
        known = self.provenance
        lines = [
            f"{self.vision_encoder}, {len(self.weights)} tensors with {self.n_values:,} values"
        ]
        if "file" in known:
            lines.append(f"read from {known['file']}, which is a file of {known['format']}")
        if "license" in known:
            lines.append(f"license of the published files: {known['license']} ({known['source']})")
        lines += [f"assumed {assumed}" for assumed in known.get("assumed", ())]
        if "n_pixels" in known:
            lines.append(
                f"trained on {known['n_pixels']:,} pixels in {known['n_epochs']} epochs, loss "
                f"{known['train_loss']:.4f}"
            )
        if self.dropped:
            lines.append(f"without use for {len(self.dropped)} tensors, listed in `dropped`")
        return "\n".join(lines)

    def __deepcopy__(self, _: Any) -> PretrainedEncoder:
        # clone() copies the parameters of estimators, and nothing here is ever changed.
        return self

    def copy_into(self, encoder: nn.Module) -> None:
        """Copy the weights into an encoder.

        An encoder with positions for another number of tokens states how they are resized, in a
        method ``resized(name, tensor)`` that returns a tensor of its own shape.

        Parameters
        ----------
        encoder : torch.nn.Module
            Made from `vision_encoder` and `vision_params`; changed in place.

        Raises
        ------
        ParameterError
            If the encoder lacks a weight, or has it in another shape.
        """
        own = encoder.state_dict()
        for name, tensor in self.weights.items():
            if name not in own:
                raise ParameterError(
                    f"The pre-trained weights hold {name!r}, which the vision encoder "
                    f'"{self.vision_encoder}" lacks with these vision_params. Leave vision_params '
                    "as they were in the pre-training."
                )
            value = tensor
            if value.shape != own[name].shape and isinstance(encoder, _Resizes):
                value = encoder.resized(name, value)
            if value.shape != own[name].shape:
                raise ParameterError(
                    f"The pre-trained weight {name!r} has shape {tuple(tensor.shape)}, the "
                    f"vision encoder here {tuple(own[name].shape)}. Use the window_size, "
                    "patch_size, bands and vision_params of the pre-training."
                )
            own[name].copy_(value)  # tensors of a state are detached
