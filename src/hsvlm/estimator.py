"""The classifier: prompts, training and prediction behind scikit-learn's interface."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils.validation import check_is_fitted

from hsvlm._inputs.kinds import is_map, predict_inputs, score_inputs
from hsvlm._inputs.sources import fit_data, with_auxiliary
from hsvlm._prediction.model import FittedModel, is_fitted_attribute
from hsvlm._prediction.texts import check_text_side, similarity, with_prompts
from hsvlm._prediction.windows import embeddings
from hsvlm._saved_model.model import read_model, write_model
from hsvlm._saved_model.notebook import FittedDiagram
from hsvlm._training.callbacks import check_copies
from hsvlm._training.fit import fit_classifier
from hsvlm._training.presets import preset
from hsvlm._training.settings import PARAMETER_CONSTRAINTS
from hsvlm._training_record import DisputedLabels
from hsvlm.exceptions import FileError
from hsvlm.io.named_arrays import NamedMap, label_map_like
from hsvlm.readout.scores import class_scores, predicted_labels

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from hsvlm._training_record import Readout, TrainedAdapter, TrainingRecord
    from hsvlm.pretraining import PretrainedEncoder

__all__ = ["HSIPromptClassifier", "fitted_model", "restored_classifier"]


def fitted_model(clf: HSIPromptClassifier) -> FittedModel:
    """Return the fitted attributes of a classifier, for the rooms above."""
    return clf._fitted()


def restored_classifier(parameters: dict[str, Any], model: FittedModel) -> HSIPromptClassifier:
    """Make a fitted classifier, for the rooms above."""
    return HSIPromptClassifier._restored(parameters, model)


class _Embedding(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Embeds tables, which scikit-learn wraps in the container chosen by ``set_output``."""

    def transform(self, X: Any) -> NDArray[np.float32]:
        return self._embed(X)  # type: ignore[no-any-return]


class _KeepsMaps:
    """Leaves maps of embeddings as arrays; not a transformer, so that nothing is wrapped."""

    def fit_transform(self: Any, X: Any, y: Any = None, **parameters: Any) -> Any:
        """Fit to `X` and embed it; see `fit` and `transform`."""
        return self.fit(X, y, **parameters).transform(X)

    def transform(self: Any, X: Any) -> NDArray[np.float32]:
        """Return unit embeddings in the joint space of pixels and prompts.

        Parameters
        ----------
        X : PixelSamples, Scene, cube, spectra or windows
            Data with the bands seen during fit.

        Returns
        -------
        ndarray of shape (n_samples, n_embedding) or (height, width, n_embedding), float32
            Unit vectors. Of samples, in the container chosen by ``set_output``; maps are arrays.
        """
        if is_map(X):
            return NamedMap("embedding", "feature").like(X, self._embed(X))  # type: ignore[no-any-return]
        return super().transform(X)  # type: ignore[misc, no-any-return]


class HSIPromptClassifier(
    _KeepsMaps,
    _Embedding,
    ClassifierMixin,
    FittedDiagram,
    BaseEstimator,
):
    """Classify hyperspectral pixels by the text of their class prompts.

    A small vision transformer embeds the window around every pixel. A contrastive loss over hard
    and semi-hard negatives aligns the embeddings with the frozen text embeddings of the class
    prompts; a pixel gets the class of the nearest prototype [1]_. In the fitted scene,
    probabilities are regularized over the pixels, see `spatial`.

    ``X`` may be :class:`~hsvlm.PixelSamples`; a :class:`~hsvlm.Scene`, which brings its labels and
    class names, or a list of scenes to fit; a cube (height, width, n_bands), with a label map as
    ``y`` and maps as predictions; spectra (n_samples, n_bands), which are windows of one pixel; or
    ready-made windows (n_samples, size, size, n_bands). A cube may be an array of xarray, whose
    axes are told by names as in :func:`hsvlm.io.read_scene`: maps then are arrays of xarray too,
    with its coordinates.

    Parameters
    ----------
    prompts : dict, str or None, default=None
        ``{label: text or list of texts}``, several being averaged on the sphere; or one template
        with ``"{}"`` for the class name (None takes the built-in one); or the name of a prompt
        set, see :func:`hsvlm.prompts.list_prompt_sets`.
    class_names : dict, default=None
        ``{label: name}`` for templates, prompt sets and maps; None takes the names that samples
        of a :class:`~hsvlm.Scene` remember. A label without a name stands for itself.
    text_encoder : str, object or array of shape (n_classes, d), default="all-MiniLM-L6-v2"
        Name or folder of a sentence-transformers model, an object with ``encode(texts)``, or
        embeddings in the order of ``classes_``. Not used by a vision encoder that encodes texts
        itself, such as ``"clip-prompt"``, which has no `projection` either.
    vision_encoder : str or subclass of torch.nn.Module, default="overlap-vit"
        See :func:`hsvlm.vision.list_vision_encoders`.
    vision_params : dict, default=None
        Further arguments of the encoder, such as ``{"depth": 4}``.
    pretrained : path, PretrainedEncoder or None, default=None
        Weights that the encoder starts from, see :func:`hsvlm.pretraining.load_pretrained`. They
        decide on `vision_encoder`, and where they were trained with certain windows, patches and
        preprocessing, on these.
    adapter : {"lora", "lora+", "krona", "krona+", "lokr", "full", "frozen"} or None, default=None
        What is trained of them: small factors of the queries and values, which are kept apart
        (`save_adapter`) and merged at the end, so that predictions cost the same; all; or nothing.
        Weights that the file lacks are always trained. None trains all.
    adapter_params : dict, default=None
        ``rank`` of ``"lora"`` and ``"lokr"`` (4), ``scale`` of the change (1), and ``ratio`` of
        the learning rates of both factors in the methods with a plus (16).
    normalize : {"auto", "snv-brightness", "snv"} or None, default="auto"
        ``"snv"`` brings every spectrum to mean 0 and deviation 1, see
        :class:`~hsvlm.preprocessing.StandardNormalVariate`, which suits scenes under other
        illumination; ``"snv-brightness"`` keeps some of their brightness, see
        :class:`~hsvlm.preprocessing.ShapeAndBrightness`; ``"auto"`` does the latter where the
        classifier reduces at least 16 bands itself, and nothing elsewhere.
    n_components : "auto", int, float or None, default="auto"
        Principal components of the spectra, see :class:`~hsvlm.SpectralPCA`; None keeps the bands.
        Bands are standardized before the reduction if spectra are normalized, components after it
        otherwise. All is fitted on the training spectra only.
    window_size, patch_size : int, default=5 and 3
        Side of the window in pixels, odd, and of its patches, which for ``"vit"`` must divide it.
        Spectra and ready-made windows have their own window size.
    padding : {"reflect", "zero"}, default="reflect"
        Content beyond the border of the scene; ``"zero"`` is the mean training spectrum.
    projection : {"vision", "text", "fixed"}, default="vision"
        Which side carries the linear projection into the joint space; ``"fixed"`` is one of the
        features by random orthonormal directions, which is neither trained nor kept in files.
    n_hard, n_semi_hard : int, default=4
        Numbers of negatives of each kind; all wrong classes where there are fewer.
    criterion : str, default="hard-semi-hard"
        The loss, see :func:`hsvlm.contrastive.losses.list_criteria`. ``"cross-entropy"`` ignores
        the prompts and trains a linear head (vision only).
    criterion_params : dict, default=None
        Further arguments of the loss, such as ``{"label_smoothing": 0.1}`` of ``"cross-entropy"``,
        or ``{"text_diversity": 0.02}`` of the others, which keeps the texts of the classes apart
        and needs ``projection="text"``.
    max_epochs : int, "short", "auto" or "long", default="auto"
        Passes over the training samples; ``"auto"`` makes 60, or as many as give 1,000 steps,
        ``"short"`` 20 or 400 steps, ``"long"`` 100 or 2,000 steps.
    batch_size : int, default=64
        Samples per step.
    lr, weight_decay : float
        Learning rate and weight decay of AdamW; without weight decay it is Adam.
    lr_schedule : {"cosine", "constant"}, default="cosine"
        Cosine decay to zero after a warm-up over the first tenth of the steps, or none.
    augment : bool, default=True
        Apply a random symmetry of the square to every training window.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss.
    validation_fraction : float or None, default=None
        Share of the training samples held out for ``history_``, in spatial blocks.
    spatial : {"random-walk"} or None, default="random-walk"
        How class scores are read out of the fitted scene: by random walks that training labels
        absorb, see :mod:`hsvlm.readout`, or window by window, as for all other data.
    spatial_params : dict, default=None
        ``restart``, ``contrast``, ``agreement`` and ``n_steps`` of the walks; ``weights`` of walks,
        windows and spectra in what is read out, where ``"auto"`` finds them, and training labels
        that are probably wrong, by holding out training labels.
    callbacks : list of skorch callbacks, default=None
        Such as early stopping, or loggers for TensorBoard, MLflow and Weights & Biases.
    checkpoint_dir : path or None, default=None
        Folder that receives a file for every training, from which it can resume.
    checkpoint_every : int, default=10
        Epochs from one checkpoint to the next.
    resume : bool, default=False
        Resume from the checkpoint of the same training, if any, with identical results.
    warm_start : bool, default=False
        Continue from the previous fit: its weights, preprocessing and prototypes.
    unlabeled : int, float, str, list of these, or None, default=0
        Values of label maps that mean "no label", see :func:`hsvlm.pixel_samples`; ignored for
        label vectors.
    device : str or torch.device, default="auto"
        Where to compute; ``"auto"`` uses a GPU if there is one.
    precision : {"float32", "bfloat16"}, default="float32"
        Precision of multiplications in the network, in training and prediction. Weights stay
        ``"float32"``, and so do encoders with 3-D convolutions on a CPU, where torch computes wrong
        gradients of them in ``"bfloat16"``.
    random_state : int, RandomState instance or None, default=None
        Seed of all randomness. Global generators are neither used nor changed.
    verbose : int, default=0
        Above 0, show progress.

    Attributes
    ----------
    classes_, n_features_in_ : ndarray of shape (n_classes,) and int
        The labels and the number of bands.
    class_names_ : dict
        ``{label: name}`` of the classes that have one: from `class_names`, and for samples of a
        :class:`~hsvlm.Scene` from the scene.
    text_classes_ : bool
        Whether a reader assigned the labels to text, so that they mean nothing to other files.
    prompts_ : dict
        ``{label: tuple of texts}``.
    text_embeddings_ : ndarray of shape (n_classes, n_text), float32
        Unit vectors that the text encoder gives the prompts; absent with ``"cross-entropy"``.
    prototypes_, logit_scale_ : ndarray of shape (n_classes, n_embedding), float32, and float
        Unit vectors of the classes in the joint space, and the learned factor on the cosines;
        absent with ``"cross-entropy"``.
    history_ : skorch History
        One dict per epoch: epoch, train_loss, train_acc, lr, dur, and valid_loss and valid_acc.
    preprocessing_, net_ : sklearn Pipeline and skorch NeuralNet
        From spectra to channels, and the trained network.
    readout_ : Readout or None
        Read-out settings and training pixels of the fitted scenes; None without a scene.
    adapter_ : TrainedAdapter or None
        The pre-trained weights of the fit and what it changed of them; None without.
    training_ : TrainingRecord or None
        Statistics of the training spectra, and the scenes and pixels that were trained on; None
        after loading a model that was saved without them.
    device_, window_size_ : str and int
        Where it was trained, and the side of its windows in pixels.
    interrupted_ : bool
        Whether Ctrl-C ended the training; the weights are then those of its best epoch.
    metadata_ : dict
        Metadata saved with it, after `load`; the wavelengths in nm, after a fit to a scene.

    References
    ----------
    .. [1] A. Chatterjee and S. Ghosh, "Learning hyperspectral images with curated text prompts for
       efficient multimodal alignment", arXiv:2509.22697, 2025.

    Examples
    --------
    >>> from hsvlm import HSIPromptClassifier
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> scene = make_synthetic_scene(height=24, width=24, random_state=0)
    >>> clf = HSIPromptClassifier(
    ...     class_names=scene.class_names, window_size=5, patch_size=1, max_epochs=5, random_state=0
    ... )
    >>> clf.fit(scene.cube, scene.labels).predict(scene.cube).shape == scene.labels.shape
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = PARAMETER_CONSTRAINTS

    classes_: NDArray[Any]
    n_features_in_: int
    class_names_: dict[Any, str]
    text_classes_: bool
    prompts_: dict[Any, tuple[str, ...]]
    text_embeddings_: NDArray[np.float32]
    prototypes_: NDArray[np.float32]
    logit_scale_: float
    history_: Any
    preprocessing_: Pipeline
    net_: Any
    readout_: Readout | None
    adapter_: TrainedAdapter | None
    training_: TrainingRecord | None
    device_: str
    window_size_: int
    interrupted_: bool
    metadata_: dict[str, Any]

    def __init__(
        self,
        prompts: Mapping[Any, str | Sequence[str]] | str | None = None,
        *,
        class_names: Mapping[Any, str] | None = None,
        text_encoder: Any = "all-MiniLM-L6-v2",
        vision_encoder: str | type[torch.nn.Module] = "overlap-vit",
        vision_params: Mapping[str, Any] | None = None,
        pretrained: str | os.PathLike[str] | PretrainedEncoder | None = None,
        adapter: str | None = None,
        adapter_params: Mapping[str, Any] | None = None,
        normalize: str | None = "auto",
        n_components: int | float | str | None = "auto",
        window_size: int = 5,
        patch_size: int = 3,
        padding: str = "reflect",
        projection: str = "vision",
        n_hard: int = 4,
        n_semi_hard: int = 4,
        criterion: str = "hard-semi-hard",
        criterion_params: Mapping[str, Any] | None = None,
        max_epochs: int | str = "auto",
        batch_size: int = 64,
        lr: float = 1.5e-3,
        lr_schedule: str = "cosine",
        weight_decay: float = 0.3,
        augment: bool = True,
        class_weight: Mapping[Any, float] | str | None = None,
        validation_fraction: float | None = None,
        spatial: str | None = "random-walk",
        spatial_params: Mapping[str, Any] | None = None,
        callbacks: list[Any] | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 10,
        resume: bool = False,
        warm_start: bool = False,
        unlabeled: Any = 0,
        device: Any = "auto",
        precision: str = "float32",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.prompts = prompts
        self.class_names = class_names
        self.text_encoder = text_encoder
        self.vision_encoder = vision_encoder
        self.vision_params = vision_params
        self.pretrained = pretrained
        self.adapter = adapter
        self.adapter_params = adapter_params
        self.normalize = normalize
        self.n_components = n_components
        self.window_size = window_size
        self.patch_size = patch_size
        self.padding = padding
        self.projection = projection
        self.n_hard = n_hard
        self.n_semi_hard = n_semi_hard
        self.criterion = criterion
        self.criterion_params = criterion_params
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.augment = augment
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.spatial = spatial
        self.spatial_params = spatial_params
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.resume = resume
        self.warm_start = warm_start
        self.unlabeled = unlabeled
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def from_preset(cls, name: str, **parameters: Any) -> Self:
        """Make a classifier with named settings.

        Parameters
        ----------
        name : str
            `"fast"` and `"accurate"` are a smaller network, and more layers and epochs;
            `"paper-indian-pines"` and `"paper-pavia-university"` the settings of the reference for
            its two scenes; `"paper-clip"` and `"paper-vit"` those of "M-CLS CLIP" and "ViT" in its
            table 1. Any other is an UnknownNameError.
        **parameters
            Constructor arguments that take precedence.

        Returns
        -------
        HSIPromptClassifier
            Not fitted.

        Examples
        --------
        >>> from hsvlm import HSIPromptClassifier
        >>> HSIPromptClassifier.from_preset("paper-indian-pines").window_size
        33
        """
        return cls(**{**preset(name), **parameters})

    @property
    def disputed_labels_(self) -> NDArray[Any]:
        """Training labels that are probably wrong and were not used, the least probable first.

        Walks and windows of networks that were trained without these labels speak for another
        class, more than is explained by their own errors; see :doc:`/guide/readout`.

        Returns
        -------
        structured ndarray of shape (n_labels,)
            Fields: ``scene``, its number among those of the samples, ``row`` and ``col``; the
            ``label`` and the most probable of the others, ``suggested``; ``probability`` that the
            label is right. Empty without a read-out that was weighed on held-out labels.

        Raises
        ------
        AttributeError
            If the classifier is not fitted.

        Examples
        --------
        >>> import warnings
        >>> from hsvlm import HSIPromptClassifier
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> scene = make_synthetic_scene(height=24, width=24, random_state=0)
        >>> labels = scene.labels.copy()
        >>> labels[0, 0] = 2 if labels[0, 0] == 1 else 1
        >>> clf = HSIPromptClassifier(class_names=scene.class_names, random_state=0, max_epochs=10)
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")  # it says that a label is not used
        ...     clf = clf.fit(scene.cube, labels)
        >>> clf.disputed_labels_[["row", "col"]].tolist()
        [(0, 0)]
        """
        readout = self.readout_
        disputed = DisputedLabels.none() if readout is None else readout.disputed
        label = self.classes_.dtype
        kinds = [("scene", int), ("row", int), ("col", int), ("label", label)]
        table = np.empty(
            len(disputed), dtype=[*kinds, ("suggested", label), ("probability", float)]
        )
        table["scene"], table["probability"] = disputed.scenes, disputed.trust
        table["row"], table["col"] = disputed.coords.T
        table["label"] = self.classes_[disputed.targets]
        table["suggested"] = self.classes_[disputed.suggested]
        return table

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        auxiliary: Mapping[str, Any] | None = None,
    ) -> Self:
        """Learn from labeled pixels and the text of the class prompts.

        Parameters
        ----------
        X : PixelSamples, Scene, list of Scene, cube, spectra or windows
            See the class description.
        y : array of shape (n_samples,), or label map of shape (height, width) for a cube
            Integers or strings. Pixels of a map equal to `unlabeled` are ignored. None takes the
            labels and class names of scenes, joined by name; of several scenes, a list of maps
            may be given.
        sample_weight : array in the shape of `y`, default=None
            Weights of the samples in the loss. Samples of weight 0 are ignored.
        auxiliary : dict of :class:`Raster`, default=None
            ``{name: raster}``: further sources of a cube, such as ``{"lidar": heights}``; see
            :class:`Scene`.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        DataError, PromptError
            If data or prompts cannot be used; the message states the reason and a remedy.
        ParameterError, UnknownNameError, TrainingDivergedError
            If parameters do not fit the data or each other, or the loss is not finite.
        """
        is_continued = self.warm_start and "net_" in vars(self)
        previous = self._fitted() if is_continued else None
        # A copy, so that a fit that fails leaves the former one as it is.
        draft = copy.copy(self)
        if not is_continued:
            draft._forget()
        data = fit_data(X, y, sample_weight, auxiliary)
        model = fit_classifier(draft, *data, previous)
        self._forget()
        self.__dict__.update(model.attributes())
        return self

    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Return class scores: scaled cosines, or log-probabilities in the fitted scene.

        Parameters
        ----------
        X : PixelSamples, Scene, cube, spectra or windows
            Data with the bands seen during fit.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (height, width, n_classes), float32
            Scaled cosine similarities with the class prototypes, or outputs of the linear head if
            there is no text side; logarithms of probabilities where they are read out of the
            fitted scene. With two classes, the difference of both, without the last axis.
        """
        scores = self._class_scores(X)
        result = scores[..., 1] - scores[..., 0] if scores.shape[-1] == 2 else scores
        return self._named_layers("score").like(X, result)  # type: ignore[no-any-return]

    def predict_proba(
        self, X: Any, auxiliary: Mapping[str, Any] | None = None
    ) -> NDArray[np.float32]:
        """Return class probabilities: the softmax of `decision_function`.

        Parameters
        ----------
        X : PixelSamples, Scene, cube, spectra or windows
            Data with the bands seen during fit.
        auxiliary : dict of :class:`Raster`, default=None
            The further sources of a cube, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (height, width, n_classes), float32
            In the order of ``classes_``; the last axis sums to one.
        """
        scores = self._class_scores(with_auxiliary(X, auxiliary))
        probabilities = np.asarray(softmax(scores, axis=-1))
        return self._named_layers("probability").like(X, probabilities)  # type: ignore[no-any-return]

    def predict_log_proba(self, X: Any) -> NDArray[np.float32]:
        """Return logarithms of class probabilities.

        Parameters
        ----------
        X : PixelSamples, Scene, cube, spectra or windows
            Data with the bands seen during fit.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (height, width, n_classes), float32
            Logarithms of `predict_proba`, without underflow.
        """
        logarithms = np.asarray(log_softmax(self._class_scores(X), axis=-1))
        return self._named_layers("log_probability").like(X, logarithms)  # type: ignore[no-any-return]

    def predict(self, X: Any, auxiliary: Mapping[str, Any] | None = None) -> NDArray[Any]:
        """Predict the most probable class of each pixel.

        Parameters
        ----------
        X : PixelSamples, Scene, cube, spectra or windows
            Data with the bands seen during fit.
        auxiliary : dict of :class:`Raster`, default=None
            The further sources of a cube, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,), or (height, width) for a cube
            Labels from ``classes_``; `unlabeled` for pixels of a cube without data.
        """
        model = self._fitted()
        inputs = predict_inputs(self, with_auxiliary(X, auxiliary))
        labels = predicted_labels(model, inputs, self.spatial, self.unlabeled)
        return label_map_like(X, labels, model.classes, model.class_names, self.unlabeled)  # type: ignore[no-any-return]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the overall accuracy; unlabeled pixels of a label map do not count.

        Parameters
        ----------
        X : PixelSamples, Scene, list of Scene, cube, spectra or windows
            Data with the bands seen during fit.
        y : array of shape (n_samples,), or label map of shape (height, width) for a cube
            The true labels; None takes those of scenes.
        sample_weight : array in the shape of `y`, default=None
            Weights of the samples.

        Returns
        -------
        float
            Share of samples classified correctly, in [0, 1].
        """
        X, y, sample_weight = score_inputs(self, X, y, sample_weight)
        return float(super().score(X, y, sample_weight))

    def similarity(self, X: Any, texts: str | Sequence[str]) -> NDArray[np.float32]:
        """Return the cosine similarity of pixels with any texts.

        Parameters
        ----------
        X : PixelSamples, Scene, cube, spectra or windows
            Data with the bands seen during fit.
        texts : str or sequence of str
            Any texts, not empty. One text gives a last axis of length 1.

        Returns
        -------
        ndarray of shape (n_samples, n_texts) or (height, width, n_texts), float32
            Cosines in [-1, 1].

        Raises
        ------
        ParameterError
            If the classifier has no text encoder that can encode new texts, or the encoder is no
            longer that of the training.
        """
        model = self._fitted()
        check_text_side(model, "similarity")
        cosines = similarity(model, predict_inputs(self, X), texts, self.device)
        listed = [texts] if isinstance(texts, str) else list(texts)
        return NamedMap("similarity", "text", listed).like(X, cosines)  # type: ignore[no-any-return]

    def with_prompts(
        self,
        prompts: Mapping[Any, str | Sequence[str]],
        class_names: Mapping[Any, str] | None = None,
    ) -> Self:
        """Classify by other prompts, without retraining.

        Parameters
        ----------
        prompts : dict
            ``{label: text or list of texts}`` for the new classes.
        class_names : dict, default=None
            ``{label: name}`` of the new classes, for maps and reports. Names and colors of the
            former classes are not kept.

        Returns
        -------
        HSIPromptClassifier
            Fitted, for these classes; shares the network of this one.

        Raises
        ------
        ParameterError
            If the classifier has no text encoder that can encode new texts, or the encoder is no
            longer that of the training.
        PromptError
            If prompts are empty or identical, or `class_names` names none of their labels.
        """
        model = self._fitted()
        check_text_side(model, "with_prompts")
        model = with_prompts(model, prompts, class_names, self.device)
        other = copy.copy(self)
        other.prompts, other.class_names = prompts, class_names
        other._forget()
        other.__dict__.update(model.attributes())
        return other

    def save(
        self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None
    ) -> Path:
        """Save the fitted classifier, without pickle.

        A model at `path` is replaced when the new one is complete. `callbacks`, encoders that are
        objects or classes of your own, and records of single batches in ``history_`` are not
        saved.

        Parameters
        ----------
        path : path
            A folder, or an archive where it ends in ``.zip``. A saved model there is replaced.
        metadata : dict, default=None
            Numbers, strings, lists, dicts and arrays to save with it, such as wavelengths in nm;
            ``metadata_`` after loading. None keeps the ``metadata_`` of a loaded classifier.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        FileError
            If `path` cannot be written, or is something else than a saved model.
        ParameterError
            If a parameter or a value of the metadata is of a type that cannot be saved.
        NotFittedError
            If the classifier is not fitted.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from hsvlm import HSIPromptClassifier
        >>> rng = np.random.default_rng(0)
        >>> X, y = rng.normal(size=(20, 4)), np.repeat(["corn", "oats"], 10)
        >>> clf = HSIPromptClassifier(text_encoder=np.eye(2), max_epochs=1).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = clf.save(f"{folder}/crops.zip", metadata={"sensor": "AVIRIS"})
        ...     loaded = HSIPromptClassifier.load(path)
        >>> loaded.metadata_, bool((loaded.predict(X) == clf.predict(X)).all())
        ({'sensor': 'AVIRIS'}, True)
        """
        return write_model(path, self.get_params(deep=False), self._fitted(), metadata)

    def save_adapter(
        self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None
    ) -> Path:
        """Save the fitted classifier without the pre-trained weights that it was adapted from.

        The factors of the adapter are in a file of their own, ``adapter_model.safetensors``, in the
        format of peft.

        Parameters
        ----------
        path : path
            As for `save`.
        metadata : dict, default=None
            As for `save`.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        FileError
            If `path` cannot be written, or is something else than a saved model.
        ParameterError
            If the classifier was not fitted with an `adapter` that leaves pre-trained weights as
            they are, or something is of a type that cannot be saved.
        NotFittedError
            If the classifier is not fitted.

        See Also
        --------
        load_adapter
        """
        parameters = self.get_params(deep=False)
        return write_model(path, parameters, self._fitted(), metadata, without_base=True)

    @classmethod
    def load_adapter(
        cls,
        path: str | os.PathLike[str],
        pretrained: str | os.PathLike[str] | PretrainedEncoder,
        device: str | torch.device = "auto",
        *,
        text_encoder: Any = None,
    ) -> Self:
        """Load a classifier that `save_adapter` wrote, with the weights that it was adapted from.

        Parameters
        ----------
        path : path
            The folder or archive.
        pretrained : path or PretrainedEncoder
            The same pre-trained weights as in the fit.
        device : str or torch.device, default="auto"
            Where to compute; becomes the parameter `device`.
        text_encoder : str, path or object, default=None
            Encodes new texts from now on, instead of the encoder of the training.

        Returns
        -------
        HSIPromptClassifier
            Fitted; on the same machine, predictions are bit-identical to those of the saved one.

        Raises
        ------
        MissingFileError, FileError
            As for `load`, and if `path` holds a whole model.
        ParameterError
            If these are other weights than those of the fit, or the device cannot be used here.
        """
        clf, _ = read_model(
            path,
            cls._restored,
            cls._get_param_names(),
            device=device,
            vision_encoder=None,
            text_encoder=text_encoder,
            pretrained=pretrained,
        )
        return clf  # type: ignore[no-any-return]

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        device: str | torch.device = "auto",
        *,
        vision_encoder: type[torch.nn.Module] | None = None,
        text_encoder: Any = None,
    ) -> Self:
        """Load a classifier that `save` wrote.

        Nothing in the files is run as code, and every part must match its digest.

        Parameters
        ----------
        path : path
            The folder or archive.
        device : str or torch.device, default="auto"
            Where to compute; becomes the parameter `device`.
        vision_encoder : subclass of torch.nn.Module, default=None
            The class, for a model that was trained with one of your own.
        text_encoder : str, path or object, default=None
            Encodes new texts from now on, instead of the encoder of the training.

        Returns
        -------
        HSIPromptClassifier
            Fitted; on the same machine, predictions are bit-identical to those of the saved one.

        Raises
        ------
        MissingFileError, FileError
            If there is no saved model, or it is incomplete, damaged, of another format or a
            pipeline.
        ParameterError, UnknownNameError
            If the device or an encoder cannot be used here.

        Warns
        -----
        HSVLMWarning
            If saving was interrupted and the previous model is taken instead.
        """
        clf, pipeline = read_model(
            path,
            cls._restored,
            cls._get_param_names(),
            device=device,
            vision_encoder=vision_encoder,
            text_encoder=text_encoder,
        )
        if pipeline is not None:
            raise FileError(f"{path} holds a pipeline. Load it with hsvlm.persistence.load.")
        return clf  # type: ignore[no-any-return]

    @classmethod
    def _restored(cls, parameters: dict[str, Any], model: FittedModel) -> Self:
        clf = cls(**parameters)
        clf.__dict__.update({"metadata_": {}, **model.attributes()})
        return clf

    def _forget(self) -> None:
        for name in [name for name in vars(self) if is_fitted_attribute(name)]:
            delattr(self, name)

    def _fitted(self) -> FittedModel:
        check_is_fitted(self, "net_")
        return FittedModel.from_attributes(vars(self))

    def _class_scores(self, X: Any) -> NDArray[np.float32]:
        return class_scores(self._fitted(), predict_inputs(self, X), self.spatial)

    def _named_layers(self, name: str) -> NamedMap:
        return NamedMap(name, "class", self.classes_)

    def _embed(self, X: Any) -> NDArray[np.float32]:
        return embeddings(self._fitted(), predict_inputs(self, X))

    def __sklearn_clone__(self) -> Self:
        try:
            return super().__sklearn_clone__()  # type: ignore[no-any-return]
        except TypeError:
            check_copies(self.callbacks)
            raise

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
