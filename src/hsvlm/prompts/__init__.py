"""Class prompts: one template for all classes, a text for each, or a set that comes with hsvlm."""

from __future__ import annotations

from hsvlm.prompts._files import PromptFile, read_prompt_file, write_prompt_file
from hsvlm.prompts._join import join_prompts
from hsvlm.prompts._resolve import DEFAULT_TEMPLATE, fill_template, resolve_prompts
from hsvlm.prompts._sets import (
    list_prompt_sets,
    load_class_colors,
    load_class_names,
    load_prompt_set,
)

__all__ = [
    "DEFAULT_TEMPLATE",
    "PromptFile",
    "fill_template",
    "join_prompts",
    "list_prompt_sets",
    "load_class_colors",
    "load_class_names",
    "load_prompt_set",
    "read_prompt_file",
    "resolve_prompts",
    "write_prompt_file",
]
