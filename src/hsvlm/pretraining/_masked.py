"""Masked pre-training of vision encoders on pixels without labels."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from hsvlm._inputs.batches import in_batches
from hsvlm._inputs.wavelengths import told_wavelengths
from hsvlm._inputs.windows import input_source
from hsvlm._storage.checkpoints import check_checkpointing
from hsvlm._system.devices import is_out_of_memory, resolve_device, seed_of, seeded_scope
from hsvlm._system.intervals import Numbers
from hsvlm._system.parallel import is_divisible
from hsvlm.exceptions import DeviceMemoryError, TrainingDivergedError
from hsvlm.preprocessing import SpectralTransformer
from hsvlm.preprocessing.default import fit_preprocessing
from hsvlm.pretraining._checkpoint import checkpoint_of
from hsvlm.pretraining._choices import choose
from hsvlm.pretraining._encoder import PretrainedEncoder
from hsvlm.pretraining._folder import digest_of, write_encoder_folder
from hsvlm.pretraining._inputs import feature_inputs, gives_map, pool_of
from hsvlm.pretraining._loop import TrainingSettings, WindowStream, prepare, train
from hsvlm.pretraining._reconstruction import MaskedModel
from hsvlm.pretraining._shared import scene_records
from hsvlm.vision import get_vision_encoder
from hsvlm.vision.arguments import encoder_arguments, refuse_geometry, takes_wavelengths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from hsvlm._inputs.kinds import PredictInputs
    from hsvlm.pretraining._choices import Choices
    from hsvlm.pretraining._loop import TrainingResult
    from hsvlm.pretraining._pixels import PixelPool
    from hsvlm.samples import PixelSamples

__all__ = ["MaskedPretrainer"]

_COUNT: Final = Numbers(Integral, 1, 2**31 - 1, closed="both")
_SHARE: Final = Numbers(Real, 0, 1, closed="neither")
_TOLD_SETTINGS: Final = (
    "mask_ratio", "loss", "max_epochs", "samples_per_epoch", "batch_size", "lr", "weight_decay",
)  # fmt: skip
# Means, deviations and components hardly change with more spectra.
_MAX_FITTED_SPECTRA: Final = 2**13
# Features are computed in blocks of this many pixels, so that memory does not grow with the scene.
_BLOCK_SIZE: Final = 2**14


class _Features(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Features of tables, which scikit-learn wraps in the container chosen by ``set_output``."""

    def transform(self, X: Any) -> NDArray[np.float32]:
        return self._features(X)  # type: ignore[no-any-return]


class _KeepsMaps:
    """Leaves maps of features as arrays; not a transformer, so that nothing is wrapped."""

    def fit_transform(self: Any, X: Any, y: Any = None, **parameters: Any) -> Any:
        """Fit to `X` and return its features; see `fit` and `transform`."""
        return self.fit(X, y, **parameters).transform(X)

    def transform(self: Any, X: Any) -> NDArray[np.float32]:
        """Return the features of the pre-trained encoder, which is not changed.

        Parameters
        ----------
        X : PixelSamples, Scene, cube or spectra
            Data with the bands seen during fit.

        Returns
        -------
        ndarray of shape (n_samples, n_features) or (height, width, n_features), float32
            Features; of samples, in the container chosen by ``set_output``; maps are arrays, with
            NaN for pixels without data.

        Raises
        ------
        NotFittedError
            If the encoder is not trained.
        DataError
            If the data cannot be used; the message states the reason and a remedy.
        ParameterError
            If `X` contains plain spectra, and the encoder was trained on larger windows.
        """
        if gives_map(X):
            return self._features(X)  # type: ignore[no-any-return]
        return super().transform(X)  # type: ignore[misc, no-any-return]


class MaskedPretrainer(_KeepsMaps, _Features, BaseEstimator):
    """Train a vision encoder without labels, by letting it fill in what is hidden.

    Of every window, some of the tokens are hidden: groups of bands or patches of pixels, as the
    encoder has them. The encoder sees the others, and one layer, which is not kept, predicts the
    values of those that are hidden [1]_ [2]_. The trained encoder is a start for
    :class:`~hsvlm.HSIPromptClassifier` (``pretrained=pretrainer.encoder_``, or its folder), and
    `transform` gives its features to any other estimator.

    Parameters
    ----------
    vision_encoder : str, default="auto"
        Registered encoder whose tokens can be hidden, see :func:`list_token_encoders`. ``"auto"``
        is ``"vit"``, which hides patches of windows, and ``"group-vit"``, which hides groups of
        bands, for plain spectra.
    vision_params : dict, default=None
        Further arguments of the encoder.
    window_size : int or "auto", default="auto"
        Side of the window around a pixel, odd. ``"auto"`` is 9, and 3 for ``"group-vit"``. Plain
        spectra are windows of one pixel.
    patch_size : int, default=3
        Side of a patch in pixels, for encoders that have patches.
    normalize : {"snv", "snv-brightness"} or None, default="snv"
        Normalization of each spectrum, as in :class:`~hsvlm.HSIPromptClassifier`.
    n_channels : int, "auto" or None, default="auto"
        Number of principal components, of equal variance, that take the place of the bands. None
        keeps all bands, standardized. ``"auto"`` is 30, 12 for ``"spectralgpt"``, fewer where there
        are fewer bands or pixels, and None for ``"group-vit"`` and encoders that are told
        wavelengths. The deviation of a band or component is the unit of the loss.
    mask_ratio : float, default=0.7
        Share of the tokens that is hidden, in (0, 1); at least one is, and at least one is not.
    loss : {"mse", "mse+sam", "multi-target"}, default="mse"
        Mean squared difference between the values of hidden tokens and their predictions, in
        squared standard deviations of single pixels; with ``"mse+sam"``, a tenth of their spectral
        angle in radians is added. ``"multi-target"`` adds the mean squared difference between the
        sums over all groups of channels, hidden or not, as SpectralGPT [3]_ does; it is for
        ``"spectralgpt"`` and ``"group-vit"``.
    max_epochs : int, default=40
        Passes over the pixels.
    samples_per_epoch : int, default=None
        Number of pixels of an epoch, drawn anew for each. None: all pixels.
    batch_size : int, default=256
        Windows per step.
    lr : float, default=1e-3
        Highest learning rate of AdamW, which rises over a tenth of the steps and falls by a cosine.
    weight_decay : float, default=0.05
        Weight decay of AdamW.
    checkpoint_dir : path or None, default=None
        Folder for checkpoints, from which a training that was killed is continued.
    checkpoint_every : int, default=10
        Epochs from one checkpoint to the next.
    resume : bool, default=False
        Continue from the checkpoint of the same training, if any, with identical results.
    device : str or torch.device, default="auto"
        Where to compute.
    random_state : int, RandomState or None, default=None
        Seed of initial weights, order and masks. The same seed gives the same weights.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    encoder_ : PretrainedEncoder
        The trained encoder, with its preprocessing and what is known of its training.
    history_ : list of dict
        ``"epoch"``, ``"train_loss"``, ``"lr"`` and ``"dur"`` (seconds) of each epoch.
    interrupted_ : bool
        Whether the training was stopped by Ctrl-C; the weights are then those of the best epoch.
    preprocessing_ : Pipeline
        Fitted steps from spectra to channels, which are also the values to predict.
    window_size_ : int
        Side of the windows.
    n_features_in_ : int
        Number of bands.

    See Also
    --------
    shared_pixels : Counts test pixels that the pre-training has read.

    Notes
    -----
    Pixels with NaN or infinite values are left out. Reduced spectra are kept in memory up to
    256 MiB; of larger scenes, every epoch reads random parts one after the other.

    Patches of ``"overlap-vit"`` overlap, so that pixels of a hidden patch may be seen in others:
    its task is easier than that of the other encoders.

    References
    ----------
    .. [1] K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.
    .. [2] L. Scheibenreif, M. Mommert and D. Borth, "Masked vision transformers for hyperspectral
       image classification", CVPR Workshops 2023.
    .. [3] D. Hong et al., "SpectralGPT: spectral remote sensing foundation model", IEEE TPAMI 46,
       2024, doi:10.1109/TPAMI.2024.3362475.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.pretraining import MaskedPretrainer
    >>> scene = make_synthetic_scene(height=20, width=20, random_state=0)
    >>> pretrainer = MaskedPretrainer(max_epochs=2, device="cpu", random_state=0).fit(scene)
    >>> pretrainer.history_[1]["train_loss"] < pretrainer.history_[0]["train_loss"]
    True
    >>> X, y = scene.samples()
    >>> pretrainer.transform(X[:5]).shape
    (5, 64)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "vision_encoder": [str],
        "vision_params": [Mapping, None],
        "window_size": [_COUNT, StrOptions({"auto"})],
        "patch_size": [_COUNT],
        "normalize": [StrOptions({"snv", "snv-brightness"}), None],
        "n_channels": [_COUNT, StrOptions({"auto"}), None],
        "mask_ratio": [_SHARE],
        "loss": [StrOptions({"mse", "mse+sam", "multi-target"})],
        "max_epochs": [_COUNT],
        "samples_per_epoch": [_COUNT, None],
        "batch_size": [_COUNT],
        "lr": [Numbers(Real, 0, 1e30, closed="right")],
        "weight_decay": [Numbers(Real, 0, 1e30, closed="both")],
        "checkpoint_dir": [str, PathLike, None],
        "checkpoint_every": [_COUNT],
        "resume": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    encoder_: PretrainedEncoder
    history_: list[dict[str, float]]
    interrupted_: bool
    preprocessing_: Pipeline
    window_size_: int
    n_features_in_: int
    metadata_: dict[str, Any]

    def __init__(
        self,
        vision_encoder: str = "auto",
        vision_params: Mapping[str, Any] | None = None,
        *,
        window_size: int | str = "auto",
        patch_size: int = 3,
        normalize: str | None = "snv",
        n_channels: int | str | None = "auto",
        mask_ratio: float = 0.7,
        loss: str = "mse",
        max_epochs: int = 40,
        samples_per_epoch: int | None = None,
        batch_size: int = 256,
        lr: float = 1e-3,
        weight_decay: float = 0.05,
        checkpoint_dir: str | PathLike[str] | None = None,
        checkpoint_every: int = 10,
        resume: bool = False,
        device: Any = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.vision_encoder = vision_encoder
        self.vision_params = vision_params
        self.window_size = window_size
        self.patch_size = patch_size
        self.normalize = normalize
        self.n_channels = n_channels
        self.mask_ratio = mask_ratio
        self.loss = loss
        self.max_epochs = max_epochs
        self.samples_per_epoch = samples_per_epoch
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.resume = resume
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @property
    def largest_window(self) -> int:
        """Side of the windows that a fit to scenes reads, in pixels."""
        return choose(self, has_windows=True).window_size

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, exclude: PixelSamples | None = None) -> Self:
        """Train the encoder on all valid pixels.

        Parameters
        ----------
        X : Scene, list of Scene, cube, list of cubes, PixelSamples or spectra
            Scenes and cubes (height, width, n_bands) with the same bands, of which all pixels with
            data are used, labeled or not; or some pixels; or spectra (n_samples, n_bands).
        y : None
            Ignored.
        exclude : PixelSamples, default=None
            Pixels, such as those of a test, that no window may touch.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        DataError
            If the data cannot be used, or no pixel is left.
        ParameterError, UnknownNameError
            If the encoder is unknown, or has fewer than two tokens in a window, or settings
            contradict each other.
        FileError
            If a checkpoint cannot be written or continued from.
        TrainingDivergedError
            If the loss is not finite.
        DeviceMemoryError
            If the device has too little memory for a batch.

        Warns
        -----
        HSVLMWarning
            If the training is interrupted by Ctrl-C after the first epoch.
        """
        check_checkpointing(self.checkpoint_dir, resume=self.resume, random_state=self.random_state)
        refuse_geometry(self.vision_params)
        # A copy, so that a fit that fails leaves the former one as it is.
        draft = copy.copy(self)
        draft.__dict__.pop("feature_names_in_", None)  # only tables have them
        pool, choices = pool_of(draft, X, exclude)
        device, seed = resolve_device(self.device), seed_of(self.random_state)
        rng = np.random.default_rng(seed)
        params = self._encoder_params(X, choices)
        if "wavelengths_nm" in params:
            draft.metadata_ = {**draft.metadata_, "wavelengths_nm": params["wavelengths_nm"]}
        preprocessing = self._fit_steps(pool, choices.n_channels, rng)
        settings = TrainingSettings(
            int(self.max_epochs),
            None if self.samples_per_epoch is None else int(self.samples_per_epoch),
            int(self.batch_size),
            float(self.lr),
            float(self.weight_decay),
            self.verbose,
        )
        try:
            with seeded_scope(seed, device) as generator:
                model = self._make_model(preprocessing, choices, params).to(device)
                stream = WindowStream(pool, preprocessing, choices.window_size, settings, device)
                prepare(model.encoder, stream, rng, generator)
                checkpoint = checkpoint_of(
                    self, choices, model, pool, settings, device, seed, params
                )
                result = train(model, stream, settings, rng, generator, checkpoint)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceMemoryError(
                f"There is not enough memory on {device} for the pre-training.",
                "Lower batch_size or window_size, or choose a smaller encoder.",
            ) from error
        model = model.cpu()
        draft.encoder_ = draft._as_pretrained(
            model, params, preprocessing, pool, choices, result, seed
        )
        draft._model = model
        draft._token_order = torch.randperm(
            model.n_tokens, generator=torch.Generator().manual_seed(seed)
        )
        draft.preprocessing_, draft.window_size_ = preprocessing, choices.window_size
        draft.history_, draft.interrupted_ = result.history, result.interrupted
        draft._n_features_out = int(model.encoder.n_features)
        self.__dict__ = draft.__dict__
        return self

    def reconstruct(self, X: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Predict every token while it is hidden, to compare the predictions with the values.

        Parameters
        ----------
        X : PixelSamples, Scene, cube or spectra
            Data with the bands seen during fit.

        Returns
        -------
        values : ndarray of shape (..., n_tokens, n_values), float32
            What each token stands for, in standardized units: groups of bands, or the channels of
            patches. The first axes are those of `transform`.
        predicted : ndarray of the same shape, float32
            Predictions, each from tokens of which as many are hidden as in the training.

        Raises
        ------
        NotFittedError, DataError, ParameterError
            As in `transform`.
        """
        check_is_fitted(self)
        inputs = feature_inputs(self, X)

        def both(model: MaskedModel, windows: Tensor) -> Tensor:
            values = model.encoder.token_values(windows)
            order = self._token_order.to(windows.device)
            return torch.stack([values, model.reconstruct(windows, order)], dim=1).flatten(1)

        placed = self._compute(both, inputs)
        shape = (*placed.shape[:-1], 2, self._model.n_tokens, -1)
        values, predicted = np.moveaxis(placed.reshape(shape), -3, 0)
        return values, predicted

    def save(self, folder: str | PathLike[str]) -> Path:
        """Write the trained encoder into a folder.

        Parameters
        ----------
        folder : str or path-like
            A new folder, or that of an encoder, which is replaced.

        Returns
        -------
        Path
            The folder. It contains ``encoder.json``, which describes the encoder and its training,
            ``weights.safetensors``, ``preprocessing.safetensors`` and ``SHA256SUMS``.

        Raises
        ------
        NotFittedError
            If the encoder is not trained.
        FileError
            If the folder contains other files or cannot be written.
        """
        check_is_fitted(self)
        return write_encoder_folder(folder, self.encoder_)

    def _features(self, X: Any) -> NDArray[np.float32]:
        check_is_fitted(self)
        inputs = feature_inputs(self, X)
        return self._compute(lambda model, windows: model.encoder(windows), inputs)

    def _compute(
        self, function: Callable[[MaskedModel, Tensor], Tensor], inputs: PredictInputs
    ) -> NDArray[np.float32]:
        """Apply a function of the model to all windows, block by block."""
        device = resolve_device(self.device)
        # The fitted one stays on the CPU, so that it can be unpickled anywhere.
        model = self._model if device.type == "cpu" else copy.deepcopy(self._model).to(device)
        apply = partial(function, model)
        steps, size, divisible = self.preprocessing_, self.window_size_, is_divisible(model)
        samples, values = inputs.samples, []
        for start in range(0, len(samples), _BLOCK_SIZE):
            block = samples[start : start + _BLOCK_SIZE]
            source = input_source(block, steps, size, "reflect", device)
            values.append(in_batches(apply, source, divisible=divisible).cpu().numpy())
        result = np.concatenate(values)
        if not np.isfinite(result).all():
            raise TrainingDivergedError(
                "The encoder gives features that are not finite: these spectra are far from those "
                "of the pre-training. Compare their units and ranges."
            )
        return inputs.placed(result)

    def _fit_steps(
        self, pool: PixelPool, n_channels: int | None, rng: np.random.Generator
    ) -> Pipeline:
        count = min(len(pool), _MAX_FITTED_SPECTRA)
        chosen = np.sort(rng.choice(len(pool), count, replace=False))
        spectra = np.asarray(pool.samples(chosen))
        pool.release()
        steps = fit_preprocessing(spectra, self.normalize, n_channels)
        if n_channels is None or self.normalize is None:
            return steps
        # Otherwise, the loss would be that of the first components.
        equalize = SpectralTransformer(StandardScaler()).fit(steps.transform(spectra))
        return Pipeline([*steps.steps, ("equalize", equalize)]).set_output(transform="default")

    def _encoder_params(self, X: Any, choices: Choices) -> dict[str, Any]:
        """Return `vision_params`, with the wavelengths of the bands where the encoder has them."""
        params, name = dict(self.vision_params or {}), choices.vision_encoder
        if not takes_wavelengths(get_vision_encoder(name)):
            return params
        return {**params, "wavelengths_nm": told_wavelengths(params, X, name)}

    def _make_model(
        self, preprocessing: Pipeline, choices: Choices, params: dict[str, Any]
    ) -> MaskedModel:
        encoder_class = get_vision_encoder(choices.vision_encoder)
        n_channels, window_size = preprocessing[-1]._n_features_out, choices.window_size
        arguments = encoder_arguments(
            encoder_class,
            n_channels=n_channels,
            window_size=window_size,
            patch_size=int(self.patch_size),
            params=params,
        )
        windows = torch.zeros(1, window_size, window_size, n_channels)
        encoder = encoder_class(**arguments)
        return MaskedModel(encoder, windows, mask_ratio=self.mask_ratio, loss=self.loss)

    def _as_pretrained(
        self,
        model: MaskedModel,
        params: dict[str, Any],
        preprocessing: Pipeline,
        pool: PixelPool,
        choices: Choices,
        result: TrainingResult,
        seed: int,
    ) -> PretrainedEncoder:
        weights = {name: one.clone() for name, one in model.encoder.state_dict().items()}
        best = min(row["train_loss"] for row in result.history)
        provenance = {
            "format": "hsvlm-encoder",
            "method": "masked pre-training",
            "settings": {
                "n_channels": choices.n_channels,
                **{name: getattr(self, name) for name in _TOLD_SETTINGS},
            },
            "seed": seed,
            "n_epochs": len(result.history),
            "interrupted": result.interrupted,
            "train_loss": best if result.interrupted else result.history[-1]["train_loss"],
            "n_pixels": len(pool),
            "wavelengths_nm": self.metadata_.get("wavelengths_nm"),
        }
        if pool.have_places:
            provenance["scenes"] = scene_records(pool.scenes, choices.window_size)
        return PretrainedEncoder(
            choices.vision_encoder,
            params,
            weights,
            digest_of(weights),
            provenance,
            window_size=choices.window_size,
            patch_size=int(self.patch_size) if choices.window_size > 1 else 1,
            preprocessing=preprocessing,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
