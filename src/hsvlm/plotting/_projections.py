"""Projections of embeddings to a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._system.optional import import_optional

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class Plane(NamedTuple):
    """Projected embeddings and prototypes, each of shape (n, 2), and the labels of the axes."""

    points: NDArray[Any]
    prototypes: NDArray[Any]
    axis_labels: tuple[str, str]


def _pca(vectors: NDArray[Any], prototypes: NDArray[Any], seed: int) -> Plane:
    from sklearn.decomposition import PCA

    pca = PCA(2, svd_solver="full").fit(vectors)
    places = pca.transform(prototypes) if len(prototypes) else np.empty((0, 2))
    first, second = (f"{100 * ratio:.0f}%" for ratio in pca.explained_variance_ratio_)
    axis_labels = (f"PC 1 ({first} of the variance)", f"PC 2 ({second} of the variance)")
    return Plane(pca.transform(vectors), places, axis_labels)


def _tsne(vectors: NDArray[Any], prototypes: NDArray[Any], seed: int) -> Plane:
    from sklearn.manifold import TSNE

    count = len(vectors) + len(prototypes)
    tsne = TSNE(metric="cosine", perplexity=min(30.0, (count - 1) / 3), random_state=seed)
    return _together(tsne.fit_transform, vectors, prototypes, "t-SNE")


def _umap(vectors: NDArray[Any], prototypes: NDArray[Any], seed: int) -> Plane:
    umap = import_optional("umap", "plot")
    count = len(vectors) + len(prototypes)
    # A fixed seed implies one job; asking for it avoids a warning.
    reducer = umap.UMAP(
        n_neighbors=min(15, count - 1), metric="cosine", random_state=seed, n_jobs=1
    )
    return _together(reducer.fit_transform, vectors, prototypes, "UMAP")


def _together(
    project: Callable[[NDArray[Any]], NDArray[Any]],
    vectors: NDArray[Any],
    prototypes: NDArray[Any],
    name: str,
) -> Plane:
    plane = project(np.concatenate([vectors, prototypes]))
    return Plane(plane[: len(vectors)], plane[len(vectors) :], (f"{name} 1", f"{name} 2"))


PROJECTIONS: dict[str, Callable[[NDArray[Any], NDArray[Any], int], Plane]] = {
    "pca": _pca,
    "tsne": _tsne,
    "umap": _umap,
}
