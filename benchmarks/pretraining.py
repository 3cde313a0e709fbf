"""Whether pre-training without labels helps, with controls, on Indian Pines and the Houston crop.

``python -m benchmarks.pretraining --data FOLDER`` pre-trains two encoders on a scene, trains
classifiers from their weights and from those of controls, and writes a CSV file per scene and
protocol to ``benchmarks/results/pretraining/``. ``--row``, ``--scene``, ``--protocol`` and
``--draws`` measure a part. Pre-trained encoders and predictions stay in
``benchmarks/.cache/pretraining``, so that a run that was stopped continues where it was.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import torch

from benchmarks.accuracy import chosen
from benchmarks.chosen_svm import chosen_svm
from benchmarks.development_scenes import load_scene
from benchmarks.page import write_pages
from benchmarks.pretraining_page import (
    FOLDER,
    GROUPS,
    OTHERS,
    PATCHES,
    PROTOCOLS,
    ROWS,
    SCENES,
)
from benchmarks.records import (
    CACHE,
    commit,
    computed_once,
    describe_settings,
    read_rows,
    write_rows,
)
from benchmarks.scenes import make_splits
from hsvlm import HSIPromptClassifier
from hsvlm.evaluation import SmoothedSVM
from hsvlm.evaluation._folds import (
    describe_environment,
    file_name,
    with_random_state,
)
from hsvlm.evaluation._keys import data_digest, fit_key
from hsvlm.metrics import classification_summary
from hsvlm.model_selection import PerClassShuffleSplit
from hsvlm.pretraining import MaskedPretrainer, PretrainedEncoder, load_pretrained
from hsvlm.prompts import list_prompt_sets
from hsvlm.vision import get_vision_encoder
from hsvlm.vision.arguments import encoder_arguments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.scenes import Split
    from hsvlm import PixelSamples, Scene

DRAWS = 2
# A fifth of the windows that the defaults see on Indian Pines, or fewer, for a single core.
BUDGET: dict[str, Any] = {"max_epochs": 20, "samples_per_epoch": 2**13}
ENCODERS: dict[str, dict[str, Any]] = {
    GROUPS: {"vision_encoder": "group-vit"},
    PATCHES: {"vision_encoder": "vit"},
}
COLUMNS = (
    "row", "draw", "seed", "OA", "AA", "kappa", "n_train", "n_test", "fit_s", "pretraining_s",
    "commit", "environment", "settings",
)  # fmt: skip
SEEN = CACHE / "pretraining" / "encoders"


def pretrain(
    encoder: str, scene: Scene, name: str, exclude: PixelSamples | None = None
) -> tuple[PretrainedEncoder, float]:
    """Pre-train on all pixels of a scene, or on those whose windows meet no excluded ones."""
    folder = SEEN / f"{encoder}-{name}"
    seconds = folder.with_suffix(".txt")
    if not seconds.is_file():
        start = time.perf_counter()
        pretrainer = MaskedPretrainer(**ENCODERS[encoder], **BUDGET, random_state=0)
        pretrainer.fit(scene, exclude=exclude).save(folder)
        seconds.write_text(f"{time.perf_counter() - start:.1f}", encoding="utf-8")
    return load_pretrained(folder), float(seconds.read_text(encoding="utf-8"))


def permuted_bands(scene: Scene) -> Scene:
    """Return a scene whose bands are in a random order."""
    order = np.random.default_rng(0).permutation(scene.cube.shape[2])
    return replace(scene, cube=np.asarray(scene.cube)[..., order], wavelengths_nm=None)


def permuted_pixels(scene: Scene) -> Scene:
    """Return a scene whose pixels are at random places."""
    pixels = np.asarray(scene.cube).reshape(-1, scene.cube.shape[2])
    order = np.random.default_rng(0).permutation(len(pixels))
    return replace(scene, cube=pixels[order].reshape(scene.cube.shape))


def shuffled(pretrained: PretrainedEncoder) -> PretrainedEncoder:
    """Give every group of bands, or channel, the map (and the position) of another one."""
    weights = dict(pretrained.weights)
    generator = torch.Generator().manual_seed(0)
    if "maps" in weights:
        order = torch.randperm(len(weights["maps"]), generator=generator)
        weights["maps"] = weights["maps"][order]
        weights["positions"] = weights["positions"][:, order]
    else:
        n_channels = _n_channels(pretrained)
        order = torch.randperm(n_channels, generator=generator)
        by_pixel = weights["embed.weight"].unflatten(1, (-1, n_channels))
        weights["embed.weight"] = by_pixel[..., order].flatten(1)
    return replace(pretrained, weights=weights, digest=f"shuffled {pretrained.digest}")


def from_scratch(pretrained: PretrainedEncoder) -> PretrainedEncoder:
    """Return the same encoder without its weights, which a classifier then draws and trains."""
    return replace(pretrained, weights={}, digest="from scratch")


def random_weights(pretrained: PretrainedEncoder, seed: int) -> PretrainedEncoder:
    """Return the same encoder with random weights."""
    encoder_class = get_vision_encoder(pretrained.vision_encoder)
    arguments = encoder_arguments(
        encoder_class,
        n_channels=_n_channels(pretrained),
        window_size=pretrained.window_size or 1,
        patch_size=pretrained.patch_size or 1,
        params=pretrained.vision_params,
    )
    torch.manual_seed(seed)
    weights = encoder_class(**arguments).state_dict()
    return replace(pretrained, weights=weights, digest=f"random {seed}")


def _n_channels(pretrained: PretrainedEncoder) -> int:
    count: int = pretrained.preprocessing[-1]._n_features_out  # type: ignore[index]
    return count


def starting_point(
    row: str, scene: Scene, name: str, test: PixelSamples, draw: int, part: str
) -> tuple[PretrainedEncoder, float]:
    """Return what a row starts from, and the seconds of its pre-training."""
    encoder, _, start = row.partition(": ")
    if start.startswith("inductive"):
        return pretrain(encoder, scene, f"{part}-{draw}", exclude=test)
    usual, seconds = pretrain(encoder, scene, name)
    if start.startswith("permuted pixels"):
        return pretrain(encoder, permuted_pixels(scene), f"{name}-permuted-pixels")
    if start.startswith("permuted bands"):
        other, seconds = pretrain(encoder, permuted_bands(scene), f"{name}-permuted-bands")
        # The bands are those of the scene; only what was learned of their order is another.
        return replace(other, preprocessing=usual.preprocessing), seconds
    if start.startswith("shuffled"):
        return shuffled(usual), seconds
    if start.startswith("scratch"):
        return from_scratch(usual), 0.0
    if start.startswith("random"):
        return random_weights(usual, draw), 0.0
    return usual, seconds


def make_estimator(row: str, scene_name: str, pretrained: PretrainedEncoder | None) -> Any:
    """Make the classifier of a row."""
    if row == OTHERS[0]:
        return chosen_svm()
    if row == OTHERS[1]:
        return SmoothedSVM()
    prompts = scene_name if scene_name in list_prompt_sets() else None
    clf = HSIPromptClassifier(prompts=prompts, spatial=None)
    if pretrained is None:
        return clf
    return clf.set_params(pretrained=pretrained, adapter=row.rpartition(", ")[2], lr=1e-3)


def splits_of(
    protocol: str, scene: Scene, X: PixelSamples, y: NDArray[Any], n_draws: int
) -> list[Split]:
    """Draw training and test indices."""
    counts = {"one-per-class": 1, "three-per-class": 3}
    if protocol in counts:
        splitter = PerClassShuffleSplit(n_draws, train_per_class=counts[protocol])
        return [(train, np.sort(test)) for train, test in splitter.split(X, y)]
    return make_splits(protocol, scene, X, y, n_draws)


def fit_and_predict(
    path: Path, clf: Any, X: PixelSamples, y: NDArray[Any], split: Split
) -> dict[str, Any]:
    """Train and predict the test side, or read both from `path`."""

    def compute() -> dict[str, Any]:
        train, test = split
        start = time.perf_counter()
        clf.fit(X[train], y[train])
        return {
            "fit_s": time.perf_counter() - start,
            "predicted": clf.predict(X[test]),
            "environment": describe_environment(),
            "commit": commit(),
        }

    return computed_once(path, compute)


def measure(scene_name: str, protocol: str, arguments: argparse.Namespace) -> None:
    """Measure rows under one protocol; record and print every fit when it is done."""
    scene = load_scene(scene_name, arguments.data)
    X, y = scene.samples()
    digest = joblib.hash(data_digest(X, y))
    part = f"{scene_name}-{protocol}"
    for draw, split in enumerate(splits_of(protocol, scene, X, y, arguments.draws)):
        for row in arguments.row:
            start, seconds = None, 0.0
            if row not in OTHERS:
                start, seconds = starting_point(row, scene, scene_name, X[split[1]], draw, part)
            clf = with_random_state(make_estimator(row, scene_name, start), 0, draw)
            key = fit_key(clf, f"{digest} {row}", *split)
            path = CACHE / "pretraining" / part / file_name(key, row.replace(": ", "-"), draw)
            values = fit_and_predict(path.with_suffix(".npz"), clf, X, y, split)
            summary = classification_summary(y[split[1]], values["predicted"])
            line: dict[str, Any] = {
                "row": row,
                "draw": draw,
                "seed": draw,
                "OA": summary.overall_accuracy,
                "AA": summary.average_accuracy,
                "kappa": summary.kappa,
                "n_train": len(split[0]),
                "n_test": len(split[1]),
                "fit_s": round(float(values["fit_s"]), 3),
                "pretraining_s": seconds,
                "commit": str(values["commit"]),
                "environment": str(values["environment"]),
                "settings": describe_settings(clf),
            }
            record(FOLDER / f"{part}.csv", line)
            print(f"{part}: {row}, draw {draw}: OA {100 * line['OA']:.2f}", flush=True)


def record(path: Path, line: dict[str, Any]) -> None:
    """Put a line into a CSV file, in place of the same row and draw."""
    same = line["row"], str(line["draw"])
    together: list[dict[str, Any]] = [
        *(old for old in read_rows(path) if (old["row"], old["draw"]) != same),
        line,
    ]
    together.sort(key=lambda one: (ROWS.index(one["row"]), int(one["draw"])))
    write_rows(path, COLUMNS, together)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", nargs="+", help="some rows only, by their names in the tables")
    parser.add_argument("--scene", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--protocol", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws per protocol")
    parser.add_argument("--data", type=Path, help="folder of the scenes, or set HSVLM_SCENES")
    arguments = parser.parse_args()
    arguments.row = chosen(parser, dict.fromkeys(ROWS), arguments.row)
    return arguments


def main() -> None:
    arguments = parse_arguments()
    for scene_name in arguments.scene:
        for protocol in arguments.protocol:
            measure(scene_name, protocol, arguments)
    write_pages()


if __name__ == "__main__":
    main()
