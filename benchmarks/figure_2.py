"""Figure 2 of the paper on Indian Pines: a map of the embeddings, and the loss around the optimum.

``python -m benchmarks.figure_2`` trains the paper's recipe with a window of 15 pixels once per
protocol, writes both pictures to ``docs/images`` and the text to ``benchmarks/results``, and renews
the page of benchmarks.

References
----------
A. Chatterjee and S. Ghosh, "Learning hyperspectral images with curated text prompts for efficient
multimodal alignment", arXiv:2509.22697, 2025.
L. McInnes, J. Healy and J. Melville, "UMAP: uniform manifold approximation and projection for
dimension reduction", arXiv:1802.03426, 2018.
H. Li et al., "Visualizing the loss landscape of neural nets", arXiv:1712.09913, 2018.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.metrics import silhouette_score
from torch.func import functional_call

from benchmarks.page import RESULTS, write_page
from benchmarks.variants import CLASS_NAMES, paper
from hsvlm._fitting import input_source
from hsvlm._runtime import import_optional
from hsvlm._training import WindowDataset, in_batches
from hsvlm.contrastive.loss import criterion_loss
from hsvlm.evaluation import indian_pines_protocol
from hsvlm.plotting import class_palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from hsvlm import HSIPromptClassifier
    from hsvlm.samples import PixelSamples

    Direction = dict[str, torch.Tensor]

IMAGES = Path(__file__).parent.parent / "docs" / "images"
PROTOCOL_NAMES = ("random-10", "blocks")
SEED = 0
STEPS = np.linspace(-1.0, 1.0, 25)
DPI = 150


@dataclass(frozen=True)
class Run:
    """The paper's recipe after one training, and the two sides of its split."""

    protocol: str
    clf: HSIPromptClassifier
    X_train: PixelSamples
    y_train: NDArray[Any]
    X_test: PixelSamples
    y_test: NDArray[Any]


@dataclass(frozen=True)
class EmbeddingMap:
    """Test pixels (n_test, 2) and prototypes (n_classes, 2) of a run in the plane of UMAP."""

    protocol: str
    pixels: NDArray[np.float32]
    labels: NDArray[Any]
    prototypes: NDArray[np.float32]
    classes: NDArray[Any]
    accuracy: float
    silhouette: float


def train(protocol_name: str) -> Run:
    """Train on the first split of a protocol."""
    protocol = indian_pines_protocol(protocol_name)
    X, y = protocol.X, protocol.y
    train, test = next(iter(protocol.cv.split(X, y)))
    clf = paper(15, random_state=SEED).fit(X[train], y[train])
    return Run(protocol_name, clf, X[train], y[train], X[test], y[test])


def embedding_map(run: Run) -> EmbeddingMap:
    """Project test embeddings and prototypes, which live in one space, together."""
    clf = run.clf
    embeddings = clf.transform(run.X_test)
    umap = import_optional("umap", "plot")
    # One job: with a fixed seed there is no other way, and asking for it avoids a warning.
    reducer = umap.UMAP(metric="cosine", random_state=SEED, n_jobs=1)
    plane = reducer.fit_transform(np.concatenate([embeddings, clf.prototypes_]))
    return EmbeddingMap(
        run.protocol,
        plane[: len(embeddings)],
        run.y_test,
        plane[len(embeddings) :],
        clf.classes_,
        clf.score(run.X_test, run.y_test),
        float(silhouette_score(embeddings, run.y_test, metric="cosine")),
    )


def filter_normalised_direction(model: torch.nn.Module, generator: torch.Generator) -> Direction:
    """Draw a random direction whose filters are as long as those of the model.

    A filter is a row of a weight matrix. All other parameters stay where they are: biases and
    norms as in Li et al. (2018), and what this network adds like a bias (class token, positions)
    or multiplies by (logit scale).
    """
    direction = {}
    for name, weights in model.named_parameters():
        if weights.ndim == 2:
            drawn = torch.randn(weights.shape, generator=generator).to(weights.device)
            lengths = weights.detach().norm(dim=1, keepdim=True)
            direction[name] = drawn * lengths / drawn.norm(dim=1, keepdim=True)
    return direction


def training_loss(clf: HSIPromptClassifier, data: WindowDataset, shift: Direction) -> float:
    """Mean loss of the training windows with shifted weights.

    The generator is new on every call: the same random numbers choose the semi-hard negatives
    wherever in the landscape the loss is read.
    """
    model, settings = clf.net_.module_, clf.net_.criterion__settings
    weights = {name: model.get_parameter(name).detach() + by for name, by in shift.items()}
    logits = in_batches(lambda windows: functional_call(model, weights, windows), data.source)
    losses = criterion_loss(
        settings.criterion,
        logits,
        data.targets,
        n_hard=settings.n_hard,
        n_semi_hard=settings.n_semi_hard,
        generator=torch.Generator(device=logits.device).manual_seed(SEED),
    )
    return float((data.weights * losses).mean())


def loss_landscape(run: Run) -> NDArray[np.float64]:
    """Training loss, shape (n_steps, n_steps): steps along the second direction, then the first."""
    clf = run.clf
    device = next(clf.net_.module_.parameters()).device
    targets = torch.from_numpy(np.searchsorted(clf.classes_, run.y_train)).to(device)
    source = input_source(clf, run.X_train, device)
    data = WindowDataset(source, targets, torch.ones(len(source), device=device))
    generator = torch.Generator().manual_seed(SEED)
    first, second = (filter_normalised_direction(clf.net_.module_, generator) for _ in range(2))
    losses = np.empty((len(STEPS), len(STEPS)))
    for row, up in enumerate(STEPS.tolist()):
        for column, right in enumerate(STEPS.tolist()):
            shift = {name: right * first[name] + up * second[name] for name in first}
            losses[row, column] = training_loss(clf, data, shift)
        print(f"landscape: {row + 1} of {len(STEPS)} rows", flush=True)
    return losses


def draw_embeddings(maps: list[EmbeddingMap]) -> Figure:
    """One panel per protocol over a common legend."""
    figure = _figure((10, 6.4))
    colours = dict(zip(CLASS_NAMES, class_palette(len(CLASS_NAMES)), strict=True))
    for ax, found in zip(figure.subplots(1, len(maps)), maps, strict=True):
        _draw_map(ax, found, colours)
    keys = [("o", colours[label], name) for label, name in CLASS_NAMES.items()]
    keys += [("o", "0.6", "test pixel"), ("*", "0.6", "class prototype")]
    line = import_optional("matplotlib.lines", "plot").Line2D
    figure.legend(
        handles=[
            line([], [], linestyle="", marker=marker, markersize=size, color=colour, label=name)
            for marker, colour, name in keys
            for size in [12 if marker == "*" else 7]
        ],
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=10,
        handletextpad=0.1,
        columnspacing=1.0,
    )
    return figure


def _figure(size: tuple[float, float]) -> Figure:
    # Not from pyplot, which would look for a screen.
    module = import_optional("matplotlib.figure", "plot")
    figure: Figure = module.Figure(figsize=size, layout="compressed")
    return figure


def _draw_map(ax: Axes, found: EmbeddingMap, colours: dict[Any, str]) -> None:
    # In random order, so that no class lies on top of all others.
    order = np.random.default_rng(SEED).permutation(len(found.labels))
    ax.scatter(
        found.pixels[order, 0],
        found.pixels[order, 1],
        c=[colours[label] for label in found.labels[order]],
        s=5,
        linewidths=0,
        alpha=0.8,
    )
    ax.scatter(
        found.prototypes[:, 0],
        found.prototypes[:, 1],
        c=[colours[label] for label in found.classes],
        s=130,
        marker="*",
        edgecolors="black",
        linewidths=0.8,
    )
    ax.set_title(
        f"{found.protocol}: test OA {found.accuracy:.1%}, silhouette {found.silhouette:.2f}"
    )
    ax.set(xticks=[], yticks=[], xlabel="UMAP 1", ylabel="UMAP 2")
    ax.set_box_aspect(1)


def draw_landscape(losses: NDArray[np.float64]) -> Figure:
    """The plane of both directions, and the two lines through the trained weights."""
    figure = _figure((10, 4.4))
    plane, profile = figure.subplots(1, 2)
    exponents = np.log10(losses)
    filled = plane.contourf(STEPS, STEPS, exponents, levels=24, cmap="viridis")
    plane.contour(
        STEPS, STEPS, exponents, levels=12, colors="white", linestyles="solid", linewidths=0.5
    )
    plane.plot(0, 0, marker="*", markersize=14, color="#D55E00", markeredgecolor="white")
    ticks = np.linspace(-1, 1, 5)
    plane.set(xlabel="first direction", ylabel="second direction", xticks=ticks, yticks=ticks)
    plane.set_title("star: the trained weights")
    figure.colorbar(filled, ax=plane, label=r"$\log_{10}$ training loss")
    centre = len(STEPS) // 2
    profile.semilogy(STEPS, losses[centre], color="#0072B2", label="first direction")
    profile.semilogy(STEPS, losses[:, centre], color="#D55E00", ls="--", label="second direction")
    profile.set(xlabel="step from the trained weights", ylabel="training loss", xticks=ticks)
    profile.set_title("along each direction alone")
    profile.grid(alpha=0.25, linewidth=0.6)
    profile.legend(frameon=False)
    for ax in (plane, profile):
        ax.set_box_aspect(1)
    return figure


def fragment(maps: list[EmbeddingMap], losses: NDArray[np.float64]) -> str:
    """What was measured, for the page of benchmarks."""
    embeddings = f"""
        The paper's figure shows UMAP projections of the embeddings and loss landscapes, of its
        method and of CLIP, on both of its scenes. Here it is the paper's recipe alone, window 15,
        on Indian Pines: one training per protocol, on its first split, with seed {SEED}. Test
        pixels: {"; ".join(_measured(one) for one in maps)}. The silhouette is that of the
        embeddings by true class, in cosine distance, before the projection. Pixels and prototypes
        are projected together by UMAP (cosine, 15 neighbours, seed {SEED}), in which the sizes of
        clusters and the distances between them have no scale.
    """
    n_steps = len(STEPS)
    landscape = f"""
        The landscape is the training loss of the *random-10* run, without augmentation, at
        {n_steps} x {n_steps} points of the plane of two random directions, seed {SEED},
        filter-normalised after Li et al. (arXiv:1712.09913): a step of 1 along a direction moves
        every row of a weight matrix by its own length; biases, norms, class token, positions and
        logit scale stay. Hard negatives are chosen anew at every point, semi-hard ones with
        the same random numbers at all of them. {_extremes(losses)}
    """
    return "\n\n".join(
        [
            "## Figure 2: embeddings and loss landscape",
            "`python -m benchmarks.figure_2`",
            _wrapped(embeddings),
            "![UMAP projection of test embeddings and prototypes](images/figure-2-embeddings.png)",
            _wrapped(landscape),
            "![Training loss around the trained weights](images/figure-2-landscape.png)\n",
        ]
    )


def _measured(found: EmbeddingMap) -> str:
    untested = [CLASS_NAMES[one] for one in np.setdiff1d(found.classes, found.labels)]
    rest = f" (none of {', '.join(untested)}, whose prototypes are shown)" if untested else ""
    return (
        f"*{found.protocol}*, OA {100 * found.accuracy:.1f}, silhouette {found.silhouette:.2f}, "
        f"{len(found.labels):,} pixels{rest}"
    )


def _extremes(losses: NDArray[np.float64]) -> str:
    centre = losses[len(STEPS) // 2, len(STEPS) // 2]
    row, column = np.unravel_index(losses.argmin(), losses.shape)
    lowest = f"{losses[row, column]:.2g} at ({STEPS[column]:+.2f}, {STEPS[row]:+.2f})"
    place = "the lowest of all points" if losses.min() == centre else f"the lowest is {lowest}"
    return (
        f"At the trained weights the loss is {centre:.2g}, {place}; the highest is "
        f"{losses.max():.2g}."
    )


def _wrapped(paragraph: str) -> str:
    words = " ".join(paragraph.split())
    return textwrap.fill(words, 100, break_on_hyphens=False)


def main() -> None:
    runs = [train(name) for name in PROTOCOL_NAMES]
    maps = [embedding_map(run) for run in runs]
    losses = loss_landscape(runs[0])
    IMAGES.mkdir(exist_ok=True)
    draw_embeddings(maps).savefig(IMAGES / "figure-2-embeddings.png", dpi=DPI)
    draw_landscape(losses).savefig(IMAGES / "figure-2-landscape.png", dpi=DPI)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "zz_figure_2.md").write_text(fragment(maps, losses), encoding="utf-8")
    write_page()


if __name__ == "__main__":
    main()
