"""Prompt tuning of a frozen CLIP model on spectra and further sources of the same pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._clip import FrozenClip
from hsvlm.vision._parts import check_range
from hsvlm.vision._sources import FurtherSources, check_sources
from hsvlm.vision.input_adaptation import InputAdaptation
from hsvlm.vision.multi_scale import MultiScaleFusion
from hsvlm.vision.prompt_matrices import PromptMatrices
from hsvlm.vision.prompt_transforms import PromptTransform

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from torch import Tensor

__all__ = ["ClipPrompt"]

_MOMENTUM = 0.1  # of running means, as that of batch normalization
_N_PREPARED = 256  # windows that the running means start from
_DEVIATION = 0.02  # of learned prompts before training


class ClipPrompt(nn.Module):
    r"""Frozen CLIP with learned prompts in both of its encoders, guided by the sources of a pixel.

    The sources are joined by :class:`~hsvlm.vision.prompt_matrices.PromptMatrices`, fused by
    :class:`~hsvlm.vision.multi_scale.MultiScaleFusion` and enlarged to the image that CLIP [2]_
    takes by :class:`~hsvlm.vision.input_adaptation.InputAdaptation`. Every layer of both encoders
    of CLIP has learned prompts of its own, :math:`P_V` and :math:`P_T`, beside the tokens of the
    image and after the start of the text. They are transformed into each other, guided by the
    matrices of channels and of pixels:

    .. math::
        \tilde P_V = P_V + T_{T \to V}(P_T; P_{sp}, P_{sa}), \quad
        \tilde P_T = P_T + T_{V \to T}(P_V; \bar P_{sp}, \bar P_{sa}),

    each T being a :class:`~hsvlm.vision.prompt_transforms.PromptTransform` that all layers share.
    This is CF-IPT [1]_, reconstructed from public summaries. The image side takes the matrices of
    each window. The text side takes running means of them over the training, which is our choice:
    texts of classes then do not depend on the pixel that they are compared with. Weights of CLIP
    are never changed.

    As it encodes texts itself, into the space of its windows, the classifier trains no projection
    and needs no `text_encoder`: prompts of the classes are read by CLIP. Cosines are scaled by the
    factor of CLIP, 100 in its publication, which is trained here and frozen in [1]_.

    Parameters
    ----------
    n_channels : int
        Number of channels of a pixel, those of all sources.
    window_size : int
        Side of the window in pixels; 7 to 11 in [1]_.
    clip : path or str
        Folder of a CLIP model of transformers, or name of one in the local cache of the Hugging
        Face hub, such as ``"openai/clip-vit-base-patch16"``. Nothing is downloaded.
    sources : mapping of str to int or None, default=None
        Number of channels of every source, in their order; the first one is the spectra. None: all
        channels are spectra, nothing is joined, and matrices are uniform.
    n_prompts : int, default=4
        Learned prompts per layer and encoder.
    rank : int, default=64
        Inner length of the transforms, even.
    branches : {"both", "vision"}, default="both"
        Which encoders have learned prompts. With ``"vision"``, texts are encoded as CLIP does, and
        nothing is transformed.
    convolutions : {"dense", "depthwise"}, default="dense"
        Kind of the convolutions of the multi-scale fusion.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, that of the joint space of CLIP.
    logit_scale : float
        The factor on cosines that CLIP was trained with.
    sources : dict of str to int
        Number of channels of every source.

    Raises
    ------
    ParameterError
        If there is no CLIP model at `clip` or its files lack weights, `sources` do not add up to
        `n_channels`, `branches` or `convolutions` is unknown, a number is below 1, or `rank` is
        odd.

    References
    ----------
    .. [1] Ji, Qu, Dong and Li, "CF-IPT: Cross-modal fusion interactive prompt tuning of
       vision-language pre-trained model for multisource remote sensing data classification", CVPR
       2026, pp. 23021-23030.
    .. [2] A. Radford et al., "Learning transferable visual models from natural language
       supervision", ICML 2021.

    Examples
    --------
    Real models take hundreds of megabytes; this one is tiny and knows nothing.

    >>> import tempfile
    >>> import torch
    >>> from transformers import CLIPConfig, CLIPModel
    >>> from hsvlm.vision.clip_prompt import ClipPrompt
    >>> sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2}
    >>> sizes["num_attention_heads"] = 2
    >>> tiny = CLIPConfig(
    ...     text_config={**sizes, "vocab_size": 99},
    ...     vision_config={**sizes, "image_size": 32, "patch_size": 16},
    ...     projection_dim=8,
    ... )
    >>> folder = tempfile.TemporaryDirectory()
    >>> CLIPModel(tiny).save_pretrained(folder.name)
    >>> two = {"spectra": 25, "lidar": 1}
    >>> encoder = ClipPrompt(26, 9, clip=folder.name, sources=two).eval()
    >>> encoder(torch.zeros(2, 9, 9, 26)).shape
    torch.Size([2, 8])
    >>> folder.cleanup()
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    mean_of_channels: Tensor
    mean_of_pixels: Tensor

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        *,
        clip: str | os.PathLike[str],
        sources: Mapping[str, int] | None = None,
        n_prompts: int = 4,
        rank: int = 64,
        branches: Literal["both", "vision"] = "both",
        convolutions: Literal["dense", "depthwise"] = "dense",
    ) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        if branches not in ("both", "vision"):
            raise ParameterError(f'branches={branches!r} is unknown. Use "both" or "vision".')
        if n_prompts < 1:
            raise ParameterError(f"n_prompts={n_prompts} is below 1. Use a few, such as 4.")
        self.sources = check_sources(sources, n_channels)
        self.n_spectral, *further = self.sources.values()
        self._clip = FrozenClip(clip)
        config = self._clip.config
        self.logit_scale = self._clip.logit_scale
        self.n_features = int(config.projection_dim)
        self.further = FurtherSources(further, 0.0) if further else None
        self.matrices = PromptMatrices(self.n_spectral, sum(further)) if further else None
        n_maps = self.n_spectral * (2 if further else 1)
        self.fuse = MultiScaleFusion(n_maps, convolutions)
        self.adapt = InputAdaptation(n_maps, config.vision_config.image_size)
        vision, text = config.vision_config, config.text_config
        # A text has at least one token between its start and its end.
        most = int(text.max_position_embeddings) - 3
        if branches == "both" and n_prompts > most:
            raise ParameterError(
                f"n_prompts={n_prompts} leaves no room for a text: this CLIP model reads "
                f"{text.max_position_embeddings} tokens. Use {most} or fewer, such as 4."
            )
        self.vision_prompts = _prompts(vision.num_hidden_layers, n_prompts, vision.hidden_size)
        self.text_prompts: nn.Parameter | None = None
        if branches == "both":
            if vision.num_hidden_layers != text.num_hidden_layers:
                raise ParameterError(
                    f"The encoders of this CLIP model have {vision.num_hidden_layers} and "
                    f"{text.num_hidden_layers} layers, so that prompts of a layer have no "
                    'counterpart. Use branches="vision", or a model with equal numbers.'
                )
            self.text_prompts = _prompts(text.num_hidden_layers, n_prompts, text.hidden_size)
            self.to_text = PromptTransform(vision.hidden_size, text.hidden_size, rank)
            self.to_vision = PromptTransform(text.hidden_size, vision.hidden_size, rank)
        n_pixels = window_size**2
        uniform = torch.full((self.n_spectral,) * 2, 1 / self.n_spectral)
        self.register_buffer("mean_of_channels", uniform)
        self.register_buffer("mean_of_pixels", torch.full((n_pixels,) * 2, 1 / n_pixels))
        # Kept with the weights, which mean nothing beside another model.
        digest = torch.tensor(list(bytes.fromhex(self._clip.digest)), dtype=torch.uint8)
        self.register_buffer("clip_digest", digest)

    @property
    def outside_weights(self) -> str:
        """The weights that saved models do not hold."""
        return f"CLIP model {self._clip.source} with SHA-256 {self._clip.digest}"

    def prepare(self, windows: Tensor, generator: torch.Generator | None = None) -> None:
        """Let statistics of further sources and mean matrices start as those of training windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.
        generator : torch.Generator or None, default=None
            Not used: nothing is drawn.
        """
        if self.further is not None:
            self.further.start_from(windows[..., self.n_spectral :])
            _, of_channels, of_pixels = self._joined(windows[:_N_PREPARED])
            self.mean_of_channels.copy_(of_channels.mean(dim=0))
            self.mean_of_pixels.copy_(of_pixels.mean(dim=0))

    def forward(self, windows: Tensor) -> Tensor:
        """Encode windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels, the channels of one source after those of another.

        Returns
        -------
        Tensor of shape (n_windows, n_features)
            One feature vector per window, not normalized.
        """
        pixels, of_channels, of_pixels = self._joined(windows)
        if self.training and self.matrices is not None:
            _follow(self.mean_of_channels, of_channels)
            _follow(self.mean_of_pixels, of_pixels)
        maps = self.fuse(pixels.transpose(1, 2).unflatten(2, windows.shape[1:3]))
        prompts: list[Tensor] = [prompt[None] for prompt in self.vision_prompts]
        if self.text_prompts is not None:
            prompts = [
                prompt + self.to_vision(text[None], of_channels, of_pixels)
                for prompt, text in zip(prompts, self.text_prompts, strict=True)
            ]
        return self._clip.encode_images(self.adapt(maps), prompts)

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Encode texts.

        Parameters
        ----------
        texts : list of str
            The texts, at least one.

        Returns
        -------
        Tensor of shape (n_texts, n_features)
            One feature vector per text, not normalized.

        Warns
        -----
        PromptWarning
            If a text is longer than CLIP reads.
        """
        if self.text_prompts is None:
            none = self.vision_prompts.new_empty(0, self._clip.config.text_config.hidden_size)
            n_layers = self._clip.config.text_config.num_hidden_layers
            return self._clip.encode_texts(texts, [none] * n_layers)
        guides = self.mean_of_channels[None], self.mean_of_pixels[None]
        prompts = [
            text + self.to_text(prompt[None], *guides)[0]
            for text, prompt in zip(self.text_prompts, self.vision_prompts, strict=True)
        ]
        return self._clip.encode_texts(texts, prompts)

    def prompt_matrices(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the matrices that join the sources of windows, with rows that sum to 1.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        of_channels : Tensor of shape (n_windows, n_spectral, n_spectral)
            The spectral prompt matrix.
        of_pixels : Tensor of shape (n_windows, window_size ** 2, window_size ** 2)
            The spatial prompt matrix; pixels are counted row by row.

        Raises
        ------
        ParameterError
            If there is a single source.
        """
        if self.matrices is None:
            raise ParameterError(
                "A single source has no prompt matrices. Use a scene with two or more sources."
            )
        return self._joined(windows)[1:]

    def _joined(self, windows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Joined pixels (n_windows, n_pixels, n_maps), and the matrices of windows."""
        pixels = windows.flatten(1, 2)
        if self.matrices is None or self.further is None:
            return pixels, self.mean_of_channels[None], self.mean_of_pixels[None]
        further = self.further(pixels[..., self.n_spectral :])
        return self.matrices.join(pixels[..., : self.n_spectral], further)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        digest = state_dict.get(f"{prefix}clip_digest")
        if digest is not None:
            self._clip.check(bytes(digest.tolist()).hex())
        super()._load_from_state_dict(state_dict, prefix, *args)


def _prompts(n_layers: int, n_prompts: int, width: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(n_layers, n_prompts, width) * _DEVIATION)


@torch.no_grad()
def _follow(mean: Tensor, matrices: Tensor) -> None:
    mean.lerp_(matrices.mean(dim=0).to(mean), _MOMENTUM)
