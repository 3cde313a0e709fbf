"""What adapters of pre-trained encoders reach, train and store, on two scenes.

``python -m benchmarks.adapters --data FOLDER --weights FOLDER`` adapts small pre-trained encoders,
two published ones and our own, by every method, and writes a CSV file per scene and protocol to
``benchmarks/results/adapters/``.
``--base``, ``--method``, ``--scene``, ``--protocol`` and ``--draws`` measure a part. Figures of
fits stay in ``benchmarks/.cache/adapters``, so that a run that was stopped continues where it was.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
from sklearn.base import clone

from benchmarks.adapters_page import FOLDER, SCRATCH, SVM_ROWS
from benchmarks.chosen_svm import chosen_svm
from benchmarks.development_scenes import load_scene
from benchmarks.networks import samples_and_splits
from benchmarks.page import write_pages
from benchmarks.pretraining import from_scratch, pretrain
from benchmarks.pretraining_page import PATCHES
from benchmarks.records import (
    CACHE,
    commit,
    computed_once,
    describe_settings,
    read_rows,
    write_rows,
)
from hsvlm import HSIPromptClassifier
from hsvlm.contrastive.adapter_settings import METHODS
from hsvlm.evaluation import SmoothedSVM
from hsvlm.evaluation._folds import (
    describe_environment,
    file_name,
    with_random_state,
)
from hsvlm.evaluation._keys import data_digest, fit_key
from hsvlm.metrics import classification_summary
from hsvlm.pretraining import PretrainedEncoder, load_pretrained
from hsvlm.prompts import list_prompt_sets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.scenes import Split
    from hsvlm import PixelSamples

CELLS = {
    "indian-pines": ("random-10", "map-695", "blocks", "ten-per-class"),
    "houston-2018": ("random-10", "blocks", "ten-per-class"),
}
FILES = {"galileo-nano": "galileo_nano_encoder.pt", "presto": "presto.pt"}
# Pre-trained without labels on all pixels of the scene, by ``benchmarks.pretraining``.
OWN = "own"
DRAWS = 2
# The network alone, at the setting of the default; factors of a frozen network need larger steps.
COMMON: dict[str, Any] = {"spatial": None}
RATES = {"krona": 3e-3, "lokr": 3e-3, "lora": 3e-3}
COLUMNS = (
    "base", "method", "draw", "seed", "OA", "AA", "kappa", "n_trained", "n_weights",
    "factor_bytes", "stored_bytes", "n_train", "n_test", "fit_s", "predict_s", "commit",
    "environment", "settings",
)  # fmt: skip
KEY = ("base", "method", "draw")


def make_estimator(
    base: str, method: str, scene_name: str, pretrained: PretrainedEncoder | None
) -> Any:
    """Make a classifier that adapts a base by a method, the same without its weights, or an SVM."""
    if pretrained is None:
        return SmoothedSVM() if method == SVM_ROWS[1] else chosen_svm()
    prompts = scene_name if scene_name in list_prompt_sets() else None
    start, adapter = (
        (from_scratch(pretrained), "full") if method == SCRATCH else (pretrained, method)
    )
    return HSIPromptClassifier(
        prompts=prompts,
        pretrained=start,
        adapter=adapter,
        lr=RATES.get(method, 1e-3),
        **COMMON,
    )


def load_base(base: str, scene_name: str, arguments: argparse.Namespace) -> PretrainedEncoder:
    """Read a published encoder, or pre-train our own on the scene."""
    if base == OWN:
        return pretrain(PATCHES, load_scene(scene_name, arguments.data), scene_name)[0]
    return load_pretrained(arguments.weights / FILES[base])


def fit_and_predict(
    path: Path, clf: Any, X: PixelSamples, y: NDArray[Any], split: Split
) -> dict[str, Any]:
    """Adapt, predict the test side and look at what is stored, or read all from `path`."""

    def compute() -> dict[str, Any]:
        train, test = split
        start = time.perf_counter()
        clf.fit(X[train], y[train])
        fitted = time.perf_counter()
        predicted = clf.predict(X[test])
        return {
            "predicted": predicted,
            "fit_s": fitted - start,
            "predict_s": time.perf_counter() - fitted,
            **_sizes(clf),
            "environment": describe_environment(),
            "commit": commit(),
        }

    return computed_once(path, compute)


def _sizes(clf: Any) -> dict[str, int]:
    """Count what is trained and what is stored, without the pre-trained weights if possible."""
    if not isinstance(clf, HSIPromptClassifier):
        return {"n_trained": -1, "n_weights": -1, "factor_bytes": -1, "stored_bytes": -1}
    n_weights = sum(one.numel() for one in clf.net_.module_.parameters())
    adapter = clf.adapter_
    is_apart = adapter is not None and adapter.method != "full"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        clf.save_adapter(path) if is_apart else clf.save(path)
        factors = path / "adapter_model.safetensors"
        return {
            "n_trained": n_weights if adapter is None else adapter.n_trained,
            "n_weights": n_weights,
            "factor_bytes": factors.stat().st_size if factors.is_file() else -1,
            "stored_bytes": sum(file.stat().st_size for file in path.iterdir()),
        }


def measure(
    scene_name: str,
    protocol: str,
    bases: dict[str, PretrainedEncoder],
    arguments: argparse.Namespace,
) -> None:
    """Measure all methods under one protocol; record and print every fit when it is done."""
    X, y, splits = samples_and_splits(scene_name, protocol, arguments.draws, arguments.data)
    digest = joblib.hash(data_digest(X, y))
    part = f"{scene_name}-{protocol}"
    tasks = [("", row) for row in SVM_ROWS]
    tasks += [(base, method) for base in bases for method in (SCRATCH, *arguments.method)]
    for base, method in tasks:
        clf = make_estimator(base, method, scene_name, bases.get(base))
        settings = describe_settings(clf)
        for draw, split in enumerate(splits):
            seeded = with_random_state(clone(clf), 0, draw)
            key = fit_key(seeded, f"{digest} {base}", *split)
            path = CACHE / "adapters" / part / file_name(key, f"{base}-{method}", draw)
            values = fit_and_predict(path.with_suffix(".npz"), seeded, X, y, split)
            summary = classification_summary(y[split[1]], values["predicted"])
            sizes = ("n_trained", "n_weights", "factor_bytes", "stored_bytes")
            counts = {name: int(values[name]) for name in sizes}
            line: dict[str, Any] = {
                "base": base,
                "method": method,
                "draw": draw,
                "seed": draw,
                "OA": summary.overall_accuracy,
                "AA": summary.average_accuracy,
                "kappa": summary.kappa,
                **{name: count if count >= 0 else None for name, count in counts.items()},
                "n_train": len(split[0]),
                "n_test": len(split[1]),
                "fit_s": round(float(values["fit_s"]), 3),
                "predict_s": round(float(values["predict_s"]), 3),
                "commit": str(values["commit"]),
                "environment": str(values["environment"]),
                "settings": settings,
            }
            record(FOLDER / f"{part}.csv", line)
            print(
                f"{part}: {base} {method}, draw {draw}: OA {100 * line['OA']:.2f}, "
                f"fit {line['fit_s']:.0f} s",
                flush=True,
            )


def record(path: Path, line: dict[str, Any]) -> None:
    """Put a line into a CSV file, in place of the same base, method and draw."""
    same = [str(line[name]) for name in KEY]
    others = [old for old in read_rows(path) if [old[name] for name in KEY] != same]
    together: list[dict[str, Any]] = [*others, line]
    together.sort(key=lambda row: [str(row[name]) for name in KEY])
    write_rows(path, COLUMNS, together)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    bases, methods = [*FILES, OWN], list(METHODS)
    protocols = list(dict.fromkeys(name for names in CELLS.values() for name in names))
    parser.add_argument("--base", nargs="+", choices=bases, default=bases)
    parser.add_argument("--method", nargs="+", choices=methods, default=methods)
    parser.add_argument("--scene", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--protocol", nargs="+", choices=protocols, default=protocols)
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws per protocol")
    parser.add_argument("--data", type=Path, help="folder of the scenes, or set HSVLM_SCENES")
    parser.add_argument("--weights", type=Path, help="folder of published weights")
    arguments = parser.parse_args()
    if arguments.weights is None and set(arguments.base) & set(FILES):
        parser.error("--weights is needed for published encoders; --base own does without")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    for scene_name in arguments.scene:
        bases = {name: load_base(name, scene_name, arguments) for name in arguments.base}
        for protocol in CELLS[scene_name]:
            if protocol in arguments.protocol:
                measure(scene_name, protocol, bases, arguments)
    write_pages()


if __name__ == "__main__":
    main()
