"""Mapping a scene that is larger than memory should be: peak memory, speed, and a kill half-way.

``python -m benchmarks.big_scene`` writes a synthetic scene of 2000 x 2000 pixels and 200 bands
(3.2 GB) to disk as ENVI and GeoTIFF, maps each file in a process of its own with a small
classifier trained on a corner, and writes the peak memory of that process to
``benchmarks/results/big_scene/``. Then a scene twice as long is mapped, and one run is killed
half-way and resumed; its files must equal those of the run that was left alone, byte for byte. The
pages are rendered anew.

The folder needs room for about 10 GB, or three times the size of the scene.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "results" / "big_scene"
MAPPING = (
    "file", "height", "width", "bands", "pixels", "seconds", "start_mb", "peak_mb", "environment",
    "commit",
)  # fmt: skip
CHECKS = ("check", "file", "reference", "share_done", "seconds", "identical")
N_CLASSES = 6
CORNER = 64
NODATA = -9999.0
ROWS = 16
LAYOUTS = {
    "envi-bsq": "ENVI, band after band",
    "envi-bil": "ENVI, bands interleaved by line",
    "tif-tiled": "GeoTIFF, tiles of 256 x 256, band after band",
    "tif-strips": "GeoTIFF, strips of one row, bands interleaved by pixel",
}


def rows_of(start: int, stop: int, width: int, n_bands: int) -> tuple[Any, Any]:
    """Values and classes of some rows; the same however long the scene is."""
    rng = np.random.default_rng(start)
    row, col = np.mgrid[start:stop, :width]
    classes = 1 + (row // 23 + 2 * ((col + row // 5) // 31)) % N_CLASSES
    band = np.linspace(0, 2 * np.pi, n_bands)
    spectra = 0.3 + 0.05 * np.sin(np.arange(1, N_CLASSES + 1)[:, None] * band / 2)
    noise = rng.standard_normal((*classes.shape, n_bands), dtype=np.float32)
    values = spectra.astype(np.float32)[classes - 1] + np.float32(0.08) * noise
    # A slanted margin without data, as in images that were brought to a map grid.
    values[col < width // 20 - row % 1000 * width // 20_000] = NODATA
    return values, classes


def write_envi(path: Path, shape: tuple[int, int, int], interleave: str) -> Path:
    height, width, n_bands = shape
    header = path.with_suffix(".hdr")
    header.write_text(
        f"ENVI\nsamples = {width}\nlines = {height}\nbands = {n_bands}\nheader offset = 0\n"
        f"data type = 4\ninterleave = {interleave}\nbyte order = 0\n"
        f"data ignore value = {NODATA}\n"
        "map info = {UTM, 1, 1, 500000, 4500000, 30, 30, 16, North, WGS-84}\n"
    )
    with path.with_suffix(".img").open("wb") as file:
        for start in range(0, height, ROWS):
            stop = min(start + ROWS, height)
            values, _ = rows_of(start, stop, width, n_bands)
            if interleave == "bil":
                file.write(np.ascontiguousarray(values.transpose(0, 2, 1)).data)
                continue
            for band in range(n_bands):
                file.seek(4 * (band * height + start) * width)
                file.write(np.ascontiguousarray(values[..., band]).data)
    return header


def write_geotiff(path: Path, shape: tuple[int, int, int], layout: str) -> Path:
    import rasterio
    from rasterio.windows import Window

    height, width, n_bands = shape
    tiled = layout == "tif-tiled"
    blocks = {"blockxsize": 256, "blockysize": 256} if tiled else {"blockysize": 1}
    with (
        rasterio.Env(GDAL_CACHEMAX=512_000_000),
        rasterio.open(
            path, "w", driver="GTiff", height=height, width=width, count=n_bands,
            dtype="float32", nodata=NODATA, crs="EPSG:32616", BIGTIFF="YES", tiled=tiled,
            transform=rasterio.Affine(30, 0, 500_000, 0, -30, 4_500_000),
            interleave="band" if tiled else "pixel", **blocks,
        ) as file,
    ):  # fmt: skip
        for start in range(0, height, ROWS):
            stop = min(start + ROWS, height)
            values, _ = rows_of(start, stop, width, n_bands)
            file.write(np.moveaxis(values, 2, 0), window=Window(0, start, width, stop - start))
    return path


def write(folder: Path, layout: str, shape: tuple[int, int, int]) -> Path:
    kind, _, detail = layout.partition("-")
    if kind == "envi":
        return write_envi(folder / "scene", shape, detail)
    return write_geotiff(folder / "scene.tif", shape, layout)


def train(folder: Path, n_bands: int) -> None:
    import joblib

    from hsvlm import HSIPromptClassifier

    parts = [rows_of(start, start + ROWS, 20 * CORNER, n_bands) for start in range(0, CORNER, ROWS)]
    cube, labels = (np.concatenate(one)[:, -CORNER:] for one in zip(*parts, strict=True))
    labels = np.where((np.indices(labels.shape) % 3 == 0).all(axis=0), labels, 0)
    clf = HSIPromptClassifier(
        text_encoder=np.eye(N_CLASSES, 16, dtype=np.float32),
        vision_params={"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16},
        vision_encoder="vit",
        normalize=None,
        n_components=10,
        window_size=5,
        patch_size=1,
        spatial=None,
        max_epochs=10,
        device="cpu",
        random_state=0,
    )
    joblib.dump(clf.fit(cube, labels), folder / "classifier.joblib")


def predict(folder: Path, scene: Path, out: Path) -> None:
    """Map one file and print what it took."""
    import joblib

    from hsvlm.io import read_scene
    from hsvlm.mapping import predict_scene

    clf = joblib.load(folder / "classifier.joblib")
    before = peak_megabytes()
    start = time.perf_counter()
    found = predict_scene(
        clf,
        read_scene(scene),
        out / "map.tif",
        probabilities=out / "probabilities.tif",
        entropy=out / "entropy.tif",
    )
    figures = {
        "seconds": time.perf_counter() - start,
        "pixels": sum(found.counts.values()),
        "before": before,
        "peak": peak_megabytes(),
    }
    print(json.dumps(figures))


def peak_megabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def child(*arguments: object) -> subprocess.Popen[str]:
    """Start one of the steps by itself: what its parent ever held counts as its memory too."""
    command = [sys.executable, "-m", "benchmarks.big_scene", *map(str, arguments)]
    # Two runs are compared to the last bit: the number of threads must not change between them.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    root = Path(__file__).parent.parent
    return subprocess.Popen(  # noqa: S603 - this module itself
        command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate()
    if process.returncode:
        message = f"{process.args!r} ended with {process.returncode}"
        raise RuntimeError(message)
    return output


def written(folder: Path, layout: str, shape: tuple[int, int, int]) -> Path:
    return Path(finished(child("write", folder, layout, *shape)).strip())


def mapped(folder: Path, scene: Path, out: Path) -> dict[str, float]:
    out.mkdir(exist_ok=True)
    figures: dict[str, float] = json.loads(
        finished(child("predict", folder, scene, out)).splitlines()[-1]
    )
    print(f"{out.name}: {figures}", flush=True)
    return figures


def killed_half_way(folder: Path, scene: Path, out: Path, pixels: float) -> float:
    """Kill a run when half of the pixels are done, and give the share that was."""
    out.mkdir(exist_ok=True)
    record = out / "map.tif.partial" / "progress.json"
    process = child("predict", folder, scene, out)
    done = 0
    while done < pixels / 2:
        if process.poll() is not None:
            message = "The run ended before it could be killed. Take a larger scene."
            raise RuntimeError(message)
        time.sleep(0.05)
        if record.exists():
            done = sum(json.loads(record.read_text())["counts"])
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return done / pixels


def same_files(one: Path, other: Path) -> bool:
    names = sorted(path.name for path in one.iterdir())
    if names != sorted(path.name for path in other.iterdir()):
        return False
    return filecmp.cmpfiles(one, other, names, shallow=False) == (names, [], [])


def measure(
    folder: Path, shape: tuple[int, int, int]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines of the two files of results: what mapping took, and which files were the same."""
    finished(child("train", folder, shape[2]))
    rows: list[dict[str, Any]] = []
    checks: list[dict[str, Any]] = []
    first = LAYOUTS["envi-bsq"]
    reference = folder / "alone"
    for layout, described in LAYOUTS.items():
        scene = written(folder, layout, shape)
        out = reference if not rows else folder / layout
        figures = mapped(folder, scene, out)
        rows.append(line(described, shape, figures))
        if out == reference:
            share = killed_half_way(folder, scene, folder / "killed", figures["pixels"])
            resumed = mapped(folder, scene, folder / "killed")
            checks.append(
                {
                    "check": "resumed",
                    "file": described,
                    "share_done": share,
                    "seconds": resumed["seconds"],
                    "identical": same_files(reference, folder / "killed"),
                }
            )
            shutil.rmtree(folder / "killed")
        else:
            same = same_files(reference, out)
            checks.append(
                {"check": "layout", "file": described, "reference": first, "identical": same}
            )
            shutil.rmtree(out)
        for path in folder.glob("scene*"):
            path.unlink()
    shutil.rmtree(reference)
    long = (2 * shape[0], *shape[1:])
    figures = mapped(folder, written(folder, "envi-bsq", long), folder / "long")
    rows.append(line(f"{LAYOUTS['envi-bsq']}, twice as long", long, figures))
    return rows, checks


def line(described: str, shape: tuple[int, int, int], figures: dict[str, float]) -> dict[str, Any]:
    return {
        "file": described,
        **dict(zip(("height", "width", "bands"), shape, strict=True)),
        "pixels": figures["pixels"],
        "seconds": figures["seconds"],
        "start_mb": figures["before"],
        "peak_mb": figures["peak"],
    }


def machine() -> str:
    names = [platform.system(), platform.machine(), f"Python {platform.python_version()}"]
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        models = [one for one in cpus.read_text().splitlines() if one.startswith("model name")]
        names.insert(0, models[0].partition(":")[2].strip() if models else "unknown processor")
    return f"{', '.join(names)}; one thread of {os.cpu_count()} cores"


def record(rows: list[dict[str, Any]], checks: list[dict[str, Any]]) -> None:
    from benchmarks.records import commit, write_rows

    origin = {"environment": machine(), "commit": commit()}
    write_rows(FOLDER / "mapping.csv", MAPPING, [{**row, **origin} for row in rows])
    write_rows(FOLDER / "checks.csv", CHECKS, checks)


def render() -> str:
    from benchmarks.page import commands
    from benchmarks.records import environments, read_rows

    lines = read_rows(FOLDER / "mapping.csv")
    height, width, n_bands = (int(lines[0][name]) for name in ("height", "width", "bands"))
    header = [
        "file", "GB", "pixels mapped", "seconds", "pixels / s", "MB at the start", "peak MB",
    ]  # fmt: skip
    table = [header, ["---"] * len(header), *map(_cells, lines)]
    options = f"--height {height} --width {width} --bands {n_bands}"
    text = (
        f"A synthetic scene of {height:,} x {width:,} pixels and {n_bands} bands of float32 on "
        "disk, with a slanted margin without data, is mapped by `predict_scene`: class map, "
        f"probabilities of {N_CLASSES} classes and entropy, each as GeoTIFF. Every file has a "
        "process of its own, whose greatest resident memory is given; what it has at the start "
        "are the libraries and the classifier (window of 5 pixels, width 16, depth 1). Seconds "
        "include the search for pixels without data and the writing of the files."
    )
    parts = [
        "## Scenes larger than memory",
        commands(f"python -m benchmarks.big_scene {options}", "big_scene"),
        textwrap.fill(text, 100),
        "\n".join(f"| {' | '.join(cells)} |" for cells in table),
        "\n".join(
            textwrap.fill(_sentence(check), 100, initial_indent="- ", subsequent_indent="  ")
            for check in read_rows(FOLDER / "checks.csv")
        ),
        f"Measured on {environments('big_scene')}.",
    ]
    return "\n\n".join(parts) + "\n"


def _cells(line: dict[str, str]) -> list[str]:
    shape = [int(line[name]) for name in ("height", "width", "bands")]
    pixels, seconds = int(line["pixels"]), float(line["seconds"])
    return [
        line["file"],
        f"{np.prod(shape) * 4 / 1e9:.2f}",
        f"{pixels:,}",
        f"{seconds:.0f}",
        f"{pixels / seconds:,.0f}",
        f"{float(line['start_mb']):.0f}",
        f"{float(line['peak_mb']):.0f}",
    ]


def _sentence(check: dict[str, str]) -> str:
    same = "identical" if check["identical"] == "True" else "NOT IDENTICAL"
    if check["check"] == "layout":
        return (
            f"Map, probabilities and entropy from “{check['file']}” are {same} to those from "
            f"“{check['reference']}”."
        )
    return (
        f"A run on the first file was killed with {float(check['share_done']):.0%} of the pixels "
        f"done. The same call again took {float(check['seconds']):.0f} s; its files are {same} to "
        "those of the run that was left alone, byte for byte."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--height", type=int, default=2000)
    parser.add_argument("--width", type=int, default=2000)
    parser.add_argument("--bands", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("big-scene"), help="for the files")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if folder.exists():
        parser.error(f"{folder} is there already; give a new folder, which is deleted at the end")
    folder.mkdir(parents=True)
    shape = (arguments.height, arguments.width, arguments.bands)
    try:
        record(*measure(folder, shape))
    finally:
        shutil.rmtree(folder)
    # Not above: the processes that are measured load this module, but no more than mapping needs.
    from benchmarks.page import write_pages

    write_pages()


if __name__ == "__main__":
    step, *values = sys.argv[1:] or [""]
    if step == "write":
        height, width, n_bands = map(int, values[2:])
        print(write(Path(values[0]), values[1], (height, width, n_bands)))
    elif step == "train":
        train(Path(values[0]), int(values[1]))
    elif step == "predict":
        predict(*map(Path, values))
    else:
        main()
