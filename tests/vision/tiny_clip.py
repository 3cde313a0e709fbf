"""A CLIP model of a few thousand random weights, in the files of transformers."""

import json
import string
import tempfile
from functools import cache
from pathlib import Path

import torch

from hsvlm._system.quiet import quiet_libraries

WIDTH = 16
N_LAYERS = 2
SIZES = {"hidden_size": WIDTH, "intermediate_size": 24, "num_hidden_layers": N_LAYERS}
N_FEATURES = 12
LETTERS = string.ascii_lowercase + string.digits + string.punctuation


def save_tiny_clip(folder, seed=0, **changes):
    """Write a CLIP model with a tokenizer of letters, and return its folder."""
    from transformers import CLIPConfig, CLIPModel

    tokens = [
        *LETTERS,
        *(f"{letter}</w>" for letter in LETTERS),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    numbers = {token: number for number, token in enumerate(tokens)}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = CLIPConfig(
        text_config={
            **SIZES,
            "num_attention_heads": 2,
            "vocab_size": len(numbers),
            "max_position_embeddings": 60,
            "bos_token_id": numbers["<|startoftext|>"],
            "eos_token_id": numbers["<|endoftext|>"],
            **changes.get("text", {}),
        },
        vision_config={
            **SIZES,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 16,
            **changes.get("vision", {}),
        },
        projection_dim=N_FEATURES,
    )
    with torch.random.fork_rng(), quiet_libraries():
        torch.manual_seed(seed)
        CLIPModel(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(numbers))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "CLIPTokenizer",
                "bos_token": "<|startoftext|>",
                "eos_token": "<|endoftext|>",
                "unk_token": "<|endoftext|>",
                "pad_token": "<|endoftext|>",
                "model_max_length": 60,
            }
        )
    )
    return folder


@cache
def _folder():
    # Removed at the end of the interpreter.
    return tempfile.TemporaryDirectory(prefix="tiny-clip-")


@cache
def tiny_clip():
    """Return a folder with such a model, the same for a whole run of tests."""
    return str(save_tiny_clip(_folder().name))
