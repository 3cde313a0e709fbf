"""``hsvlm pretrain``: train a vision encoder on scenes without labels."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from hsvlm.cli._bands import choose_bands
from hsvlm.cli._help import MASKED_ENCODERS
from hsvlm.cli._options import (
    SCENE_HELP,
    AsJson,
    BandOptions,
    Output,
    Quiet,
    ReadOptions,
    Recipe,
    Resume,
    Seed,
    print_json,
)
from hsvlm.cli._outputs import (
    CHECKPOINTS,
    check_output,
    echo,
    remove_checkpoints,
    write_text,
)
from hsvlm.cli._recipes import reserve_folder, save_recipe
from hsvlm.cli._scenes import with_bands_of
from hsvlm.cli._signature import check_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hsvlm.pretraining import MaskedPretrainer
    from hsvlm.scene import Scene

_ENCODER = "encoder"
_REPORT = "report.json"
_NAMES = (_ENCODER, _REPORT)


def pretrain(
    context: typer.Context,
    *,
    scene: Annotated[
        list[Path] | None, typer.Argument(help=f"{SCENE_HELP} Several are trained on together.")
    ] = None,
    output: Output = None,
    reading: ReadOptions,
    bands: BandOptions,
    encoder: Annotated[
        str, typer.Option(help=f"Vision encoder whose tokens can be hidden: {MASKED_ENCODERS}.")
    ] = "vit",
    window_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**31 - 1,
            help="Side of a window in pixels, odd. Without it: 9, or 3 for group-vit.",
        ),
    ] = None,
    patch_size: Annotated[
        int, typer.Option(min=1, max=2**31 - 1, help="Side of a patch in pixels.")
    ] = 3,
    channels: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**31 - 1,
            help="Principal components that replace the bands. Without it: 30, 12 for spectralgpt, "
            "and all bands for group-vit and encoders that are told wavelengths.",
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="Passes over the pixels.")] = 40,
    samples_per_epoch: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=2**31 - 1,
            help="Pixels of an epoch, drawn anew for each, for large scenes. Without it: all.",
        ),
    ] = None,
    seed: Seed = 0,
    resume: Resume = False,
    recipe: Recipe = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a vision encoder without labels, on all pixels of one scene, or of several.

    It learns to fill in bands or patches that are hidden. "hsvlm fit" then starts from it. Labels
    are not read. Several scenes are joined by wavelength. The output folder receives the encoder,
    the recipe that made it, and a report. Ctrl-C ends the training and keeps the best epoch. Until
    the encoder is saved, checkpoints lie there too, for --resume.

    Example: hsvlm pretrain scene.hdr other.hdr --output pretrained
    """
    from hsvlm.pretraining import MaskedPretrainer

    files = list(scene or ())
    check_missing(SCENE=scene or None, output=output)
    folder = cast("Path", output)
    pretrainer = MaskedPretrainer(
        encoder,
        window_size="auto" if window_size is None else window_size,
        patch_size=patch_size,
        n_channels="auto" if channels is None else channels,
        max_epochs=epochs,
        samples_per_epoch=samples_per_epoch,
        checkpoint_dir=folder / CHECKPOINTS,
        resume=resume,
        random_state=seed,
        verbose=int(not quiet),
    )
    _check(encoder, window_size)
    check_output(folder, _NAMES, files, "pretrain")
    scenes = _read_scenes(files, reading, bands)
    reserve_folder(context, folder, _NAMES, files, {})
    start = time.perf_counter()
    pretrainer.fit(scenes)
    report = _report(pretrainer, time.perf_counter() - start)
    path = pretrainer.save(folder / _ENCODER)
    if not pretrainer.interrupted_:
        remove_checkpoints(folder)
    save_recipe(context, folder, {})
    write_text(folder / _REPORT, json.dumps(report, indent=2) + "\n")
    if as_json:
        print_json({"encoder": str(path), **report})
    else:
        echo(_as_text(report, path))


def _check(encoder: str, window_size: int | None) -> None:
    """Refuse settings that cannot be used, before files are read."""
    from hsvlm._data.cubes import check_window_fits
    from hsvlm.vision import get_vision_encoder

    get_vision_encoder(encoder)
    if window_size is not None:
        check_window_fits((window_size, window_size), window_size, "reflect")


def _read_scenes(files: Sequence[Path], reading: ReadOptions, bands: BandOptions) -> list[Scene]:
    scenes = [choose_bands(reading.read(path), bands.wavelengths, bands.exclude) for path in files]
    first, *others = scenes
    return [first, *(with_bands_of(first, scene) for scene in others)]


def _report(pretrainer: MaskedPretrainer, seconds: float) -> dict[str, Any]:
    encoder = pretrainer.encoder_
    known = encoder.provenance
    return {
        "vision_encoder": encoder.vision_encoder,
        "n_weights": sum(weight.numel() for weight in encoder.weights.values()),
        "n_bands": pretrainer.n_features_in_,
        "n_pixels": known["n_pixels"],
        "window_size": pretrainer.window_size_,
        "train_loss": [row["train_loss"] for row in pretrainer.history_],
        "fit_seconds": seconds,
        "interrupted": pretrainer.interrupted_,
        "sha256": encoder.digest,
    }


def _as_text(report: dict[str, Any], path: Path) -> str:
    losses = report["train_loss"]
    return (
        f"Trained {report['vision_encoder']} ({report['n_weights']:,} weights) on "
        f"{report['n_pixels']:,} pixels of {report['n_bands']} bands, without labels, in "
        f"{report['fit_seconds']:.1f} s.\n"
        f"Loss of the first and the last of {len(losses)} epochs: {losses[0]:.4f}, "
        f"{losses[-1]:.4f}.\n"
        f"The encoder is in {path}. Train a classifier from it with:\n"
        f"  hsvlm fit SCENE --labels LABELS --set pretrained={path} --output FOLDER"
    )
