"""Protocols of commands that measure: chosen by options, on a scene or a dataset."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from hsvlm.cli._scenes import read_classes, read_labeled_scenes, unlabeled_label
from hsvlm.cli._signature import check_missing
from hsvlm.exceptions import HSVLMError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hsvlm.cli._auxiliary import SourceFiles
    from hsvlm.cli._options import BandOptions, ReadOptions
    from hsvlm.evaluation import Protocol


class Dataset(StrEnum):
    """Scenes that come with the package."""

    INDIAN_PINES = "indian-pines"


class ProtocolName(StrEnum):
    """Ways to choose training and test pixels."""

    RANDOM_10 = "random-10"
    MAP_695 = "map-695"
    BLOCKS = "blocks"
    TEN_PER_CLASS = "ten-per-class"
    GROUPS = "groups"
    TEST_MAP = "test-map"
    ALL = "all"


PROTOCOL_HELP = (
    "random-10: a random tenth of every class, as in most papers. map-695: the published "
    "maps of Indian Pines, looked for in --data-home and downloaded otherwise. blocks: "
    "whole blocks, at a distance from each other. ten-per-class: ten pixels of every "
    "class, drawn at random. groups: whole polygons, by --group-column. test-map: pixels "
    "of --test-labels. all: every one that needs no option, with a scene of your own without "
    "map-695. Without it: what these options ask for, or random-10 and blocks."
)
_NEED_OPTIONS = (ProtocolName.GROUPS, ProtocolName.TEST_MAP, ProtocolName.ALL)


@dataclass(frozen=True)
class ProtocolOptions:
    """Options that protocols need."""

    dataset: Annotated[Dataset, typer.Option(help="The scene, if none is given as a file.")] = (
        Dataset.INDIAN_PINES
    )
    test_labels: Annotated[
        Path | None,
        typer.Option(help="Labels to test on, when --labels is only trained on; read like those."),
    ] = None
    test_label_variable: Annotated[
        str | None,
        typer.Option(help="Variable of --test-labels; without it, as --label-variable."),
    ] = None
    group_column: Annotated[
        str | None,
        typer.Option(
            help="Column that numbers the fields of the label file, which are left out whole; fid "
            "makes each feature one of its own."
        ),
    ] = None
    data_home: Annotated[Path | None, typer.Option(help="Folder of the published maps.")] = None

    def names(
        self, chosen: Iterable[ProtocolName] | None, scene: Path | None
    ) -> list[ProtocolName]:
        """Return the protocols that are chosen, or that these options ask for."""
        implied = self._implied()
        names = list(
            dict.fromkeys(chosen or implied or [ProtocolName.RANDOM_10, ProtocolName.BLOCKS])
        )
        if ProtocolName.ALL in names:
            # The published maps belong to the dataset.
            left_out = {*_NEED_OPTIONS, *([] if scene is None else [ProtocolName.MAP_695])}
            return [name for name in ProtocolName if name not in left_out] + implied
        return names

    def check_scene(self, scene: Path | None) -> None:
        """Refuse options about labels of the user without a scene of the user."""
        if scene is None and self._implied():
            raise typer.BadParameter("--test-labels and --group-column need a scene of your own.")

    def _implied(self) -> list[ProtocolName]:
        asked = {ProtocolName.GROUPS: self.group_column, ProtocolName.TEST_MAP: self.test_labels}
        return [name for name, option in asked.items() if option is not None]


@dataclass(frozen=True)
class Inputs:
    """Files of a scene, and how they are read."""

    scene: Path | None
    labels: Path | None
    prompts: str | None
    reading: ReadOptions
    bands: BandOptions
    auxiliary: SourceFiles


def read_protocols(
    names: Iterable[ProtocolName], n_splits: int, options: ProtocolOptions, inputs: Inputs, clf: Any
) -> tuple[list[Protocol], dict[str, Any]]:
    """Read all files; return the protocols, and the classes as parameters of a classifier."""
    options.check_scene(inputs.scene)
    if inputs.scene is None and inputs.auxiliary:
        raise typer.BadParameter("--auxiliary needs a scene of your own.")
    if inputs.scene is None:
        protocols = of_dataset(names, n_splits, options.data_home)
        return protocols, _classes_of_dataset(inputs.prompts or str(options.dataset), protocols)
    return _of_files(names, n_splits, options, inputs, clf.unlabeled)


def check_splits(protocols: Sequence[Protocol], option: str, count_option: str) -> None:
    """Make the splits of all protocols, so that none is refused after hours of training."""
    problems = {}
    for protocol in protocols:
        try:
            # They are made again where they are used, and warn there.
            with warnings.catch_warnings(action="ignore"):
                protocol.make_splits()
        except HSVLMError as error:
            problems[protocol.name] = error.problem
    if not problems:
        return
    name, problem = next(iter(problems.items()))
    possible = [protocol.name for protocol in protocols if protocol.name not in problems]
    hints = [f"another number of {count_option}"] if name == ProtocolName.GROUPS else []
    hints.append(f"{option} {possible[0]}" if possible else f"another {option}")
    raise ParameterError(
        f"The protocol {name} cannot be used: {problem}",
        f"Give {' or '.join(hints)}, or label more pixels.",
    )


def of_dataset(
    names: Iterable[ProtocolName], n_splits: int, data_home: Path | None
) -> list[Protocol]:
    """Set up Indian Pines."""
    from hsvlm.evaluation import indian_pines_protocol

    return [indian_pines_protocol(name, n_splits, data_home=data_home) for name in names]


def _classes_of_dataset(prompts: str, protocols: Sequence[Protocol]) -> dict[str, Any]:
    """Return the classes as parameters of a classifier, which knows templates and sets itself."""
    from hsvlm.io import LabelMap
    from hsvlm.prompts import list_prompt_sets

    if "{}" in prompts or prompts in list_prompt_sets():
        return {"prompts": prompts}
    first = protocols[0]
    classes = read_classes(prompts, LabelMap(first.y[None], first.class_names))
    return {"prompts": classes.prompts, "class_names": classes.class_names}


def _of_files(
    names: Iterable[ProtocolName],
    n_splits: int,
    options: ProtocolOptions,
    inputs: Inputs,
    unlabeled: Any,
) -> tuple[list[Protocol], dict[str, Any]]:
    from hsvlm.evaluation import scene_protocol

    scene, reading = cast("Path", inputs.scene), inputs.reading
    labels = reading.label_file(scene, inputs.labels)
    check_missing(labels=labels)
    pair = scene, cast("Path", labels)
    more = {"group_column": options.group_column}
    [labeled] = read_labeled_scenes(
        [pair], reading, inputs.bands, unlabeled, inputs.auxiliary, **more
    )
    classes = read_classes(inputs.prompts, labeled, labels)
    labeled = replace(labeled, class_names=classes.class_names)
    test_map = None
    if options.test_labels is not None:
        variable = options.test_label_variable
        test_map = reading.read_labels(options.test_labels, labeled, variable, unlabeled)
    mark = unlabeled_label(labeled, unlabeled)
    protocols = [
        scene_protocol(labeled, name, n_splits, test_labels=test_map, unlabeled=mark)
        for name in names
    ]
    return protocols, {"prompts": classes.prompts, "class_names": classes.class_names}
