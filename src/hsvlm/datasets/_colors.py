"""Colors of the classes of scenes."""

from __future__ import annotations

from typing import Final

from hsvlm.prompts import list_prompt_sets, load_class_colors

__all__ = ["COLORS", "SYNTHETIC_COLORS", "scene_colors"]

# In the order of the labels. Scenes with a prompt set have its colors.
COLORS: Final = {
    "pavia-centre": (
        *("#1F66D0", "#215131", "#9CDC80", "#EE8637", "#8C6543"),
        *("#8C8C8C", "#5B3A8A", "#D91007", "#101020"),
    ),
    "trento": ("#9CD04F", "#DE4648", "#965B14", "#025226", "#8A56C2", "#8C8C8C"),
    "muufl": (
        *("#195C17", "#86C94F", "#A87A44", "#E9D3A0", "#8C8C8C", "#186BE3"),
        *("#151530", "#B0363B", "#C9C6DC", "#F8E92A", "#C64A9A"),
    ),
    "augsburg": (*("#174D09", "#C84A37", "#7F4F8B", "#7CB867", "#F2BF27", "#F2A0B5", "#1F66D0"),),
}

SYNTHETIC_COLORS: Final = {
    "meadow": "#84CF79",
    "bare soil": "#8A5818",
    "forest": "#0A5632",
    "asphalt": "#8C8C8C",
    "water": "#1F66D0",
    "maize": "#F5D033",
    "gravel": "#DDD3C0",
    "metal roof": "#D8544B",
    "parking lot": "#C3BCE0",
    "flat roof": "#D8544B",
}


def scene_colors(name: str) -> dict[int, str]:
    """Return the color of each label of a scene."""
    if name in list_prompt_sets():
        return load_class_colors(name)
    return dict(enumerate(COLORS[name], start=1))
