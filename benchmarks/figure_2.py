"""Figure 2 of the paper on Indian Pines: a map of the embeddings, and the loss around the optimum.

``python -m benchmarks.figure_2`` trains the paper's recipe with a window of 15 pixels once per
protocol, writes both pictures to ``docs/images`` and the figures to
``benchmarks/results/figure_2/``, and renders the pages anew.

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
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import silhouette_score

from benchmarks.page import commands, write_pages
from benchmarks.records import RESULTS, ROOT, commit, read_rows, write_rows
from benchmarks.variants import CLASS_NAMES, paper
from hsvlm.evaluation import indian_pines_protocol
from hsvlm.evaluation._folds import describe_environment
from hsvlm.plotting import EmbeddingDisplay, LossLandscapeDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from hsvlm import HSIPromptClassifier
    from hsvlm.samples import PixelSamples

IMAGES = ROOT / "docs" / "images"
FOLDER = RESULTS / "figure_2"
EMBEDDINGS = (
    "protocol", "seed", "OA", "silhouette", "n_test", "untested", "environment", "commit",
)  # fmt: skip
LANDSCAPE = (
    "protocol", "n_steps", "loss", "lowest", "x_of_lowest", "y_of_lowest", "highest",
    "environment", "commit",
)  # fmt: skip
PROTOCOL_NAMES = ("random-10", "blocks")
SEED = 0
N_STEPS = 25
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
    """Test pixels and prototypes of a run in the plane of UMAP, and what was measured."""

    protocol: str
    display: EmbeddingDisplay
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


def embedding_map(run: Run, ax: Axes) -> EmbeddingMap:
    """Project test embeddings and prototypes, which live in one space, together."""
    clf = run.clf
    embeddings = clf.transform(run.X_test)
    accuracy = clf.score(run.X_test, run.y_test)
    silhouette = float(silhouette_score(embeddings, run.y_test, metric="cosine"))
    display = EmbeddingDisplay.from_embeddings(
        embeddings,
        run.y_test,
        prototypes=dict(zip(clf.classes_.tolist(), clf.prototypes_, strict=True)),
        method="umap",
        class_names=CLASS_NAMES,
        random_state=SEED,
        title=f"{run.protocol}: test OA {accuracy:.1%}, silhouette {silhouette:.2f}",
        ax=ax,
    )
    return EmbeddingMap(run.protocol, display, clf.classes_, accuracy, silhouette)


def draw_embeddings(runs: list[Run]) -> tuple[Figure, list[EmbeddingMap]]:
    """One panel per protocol over a common legend."""
    # Not from pyplot, which would look for a screen.
    figure = Figure(figsize=(10, 6.4), layout="compressed")
    axes = figure.subplots(1, len(runs))
    maps = [embedding_map(run, ax) for run, ax in zip(runs, axes, strict=True)]
    legends = [one.display.legend_ for one in maps]
    figure.legend(
        handles=legends[0].legend_handles,
        labels=[text.get_text() for text in legends[0].get_texts()],
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=10,
        handletextpad=0.1,
        columnspacing=1.0,
    )
    for legend in legends:
        legend.remove()
    return figure, maps


def loss_landscape(run: Run) -> LossLandscapeDisplay:
    """The training loss in a plane of two directions, and along each of them alone."""
    print(f"landscape: {N_STEPS} x {N_STEPS} points", flush=True)
    return LossLandscapeDisplay.from_estimator(
        run.clf,
        run.X_train,
        run.y_train,
        n_steps=N_STEPS,
        random_state=SEED,
        title="star: the trained weights",
    )


def record(maps: list[EmbeddingMap], landscape: LossLandscapeDisplay) -> None:
    """Write what was measured of the embeddings, and of the landscape."""
    origin = {"environment": describe_environment(), "commit": commit()}
    rows = []
    for found in maps:
        labels = found.display.labels
        untested = [CLASS_NAMES[label] for label in np.setdiff1d(found.classes, labels)]
        rows.append(
            {
                "protocol": found.protocol,
                "seed": SEED,
                "OA": found.accuracy,
                "silhouette": found.silhouette,
                "n_test": len(labels),
                "untested": ", ".join(untested),
                **origin,
            }
        )
    write_rows(FOLDER / "embeddings.csv", EMBEDDINGS, rows)
    losses, steps = landscape.losses, landscape.steps
    row, column = np.unravel_index(losses.argmin(), losses.shape)
    extremes = {
        "protocol": PROTOCOL_NAMES[0],
        "n_steps": N_STEPS,
        "loss": losses[N_STEPS // 2, N_STEPS // 2],
        "lowest": losses[row, column],
        "x_of_lowest": steps[column],
        "y_of_lowest": steps[row],
        "highest": losses.max(),
        **origin,
    }
    write_rows(FOLDER / "landscape.csv", LANDSCAPE, [extremes])


def render() -> str:
    measured = "; ".join(map(_measured, read_rows(FOLDER / "embeddings.csv")))
    (landscape,) = read_rows(FOLDER / "landscape.csv")
    n_steps = landscape["n_steps"]
    embeddings = f"""
        The paper's figure shows UMAP projections of the embeddings and loss landscapes, of its
        method and of CLIP, on both of its scenes. Here it is the paper's recipe alone, window 15,
        on Indian Pines: one training per protocol, on its first split, with seed {SEED}. Test
        pixels: {measured}. The silhouette is that of the
        embeddings by true class, in cosine distance, before the projection. Pixels and prototypes
        are projected together by UMAP (cosine, 15 neighbors, seed {SEED}), in which the sizes of
        clusters and the distances between them have no scale.
    """
    plane = f"""
        The landscape is the training loss of the *{landscape["protocol"]}* run, without
        augmentation, at {n_steps} x {n_steps} points of the plane of two random directions,
        seed {SEED}, filter-normalized after Li et al. (arXiv:1712.09913): a step of 1 along a
        direction moves every row of a weight matrix by its own length; biases, norms, class token,
        positions and logit scale stay. Hard negatives are chosen anew at every point, semi-hard
        ones with the same random numbers at all of them. {_extremes(landscape)}
    """
    return "\n\n".join(
        [
            "## Figure 2: embeddings and loss landscape",
            commands("python -m benchmarks.figure_2", "figure_2"),
            _wrapped(embeddings),
            "![UMAP projection of test embeddings and prototypes](images/figure-2-embeddings.png)",
            _wrapped(plane),
            "![Training loss around the trained weights](images/figure-2-landscape.png)\n",
        ]
    )


def _measured(line: dict[str, str]) -> str:
    untested = line["untested"]
    rest = f" (none of {untested}, whose prototypes are shown)" if untested else ""
    return (
        f"*{line['protocol']}*, OA {100 * float(line['OA']):.1f}, silhouette "
        f"{float(line['silhouette']):.2f}, {int(line['n_test']):,} pixels{rest}"
    )


def _extremes(line: dict[str, str]) -> str:
    lowest = (
        f"{float(line['lowest']):.2g} at ({float(line['x_of_lowest']):+.2f}, "
        f"{float(line['y_of_lowest']):+.2f})"
    )
    is_lowest = line["lowest"] == line["loss"]
    place = "the lowest of all points" if is_lowest else f"the lowest is {lowest}"
    return (
        f"At the trained weights the loss is {float(line['loss']):.2g}, {place}; the highest is "
        f"{float(line['highest']):.2g}."
    )


def _wrapped(paragraph: str) -> str:
    words = " ".join(paragraph.split())
    return textwrap.fill(words, 100, break_on_hyphens=False)


def main() -> None:
    runs = [train(name) for name in PROTOCOL_NAMES]
    figure, maps = draw_embeddings(runs)
    landscape = loss_landscape(runs[0])
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / "figure-2-embeddings.png", dpi=DPI)
    landscape.figure_.savefig(IMAGES / "figure-2-landscape.png", dpi=DPI)
    record(maps, landscape)
    write_pages()


if __name__ == "__main__":
    main()
