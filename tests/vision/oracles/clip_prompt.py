"""What is known of the encoder `clip-prompt`, with a CLIP model of random weights."""

from tests.vision.tiny_clip import N_LAYERS, WIDTH, tiny_clip

CLIP = tiny_clip()
TWO = {"spectra": 25, "lidar": 1}

SIZES = [
    ({"n_channels": 26, "window_size": 9, "clip": CLIP, "sources": TWO}, 255_354),
    ({"n_channels": 25, "window_size": 9, "clip": CLIP}, 159_702),
    ({"n_channels": 6, "window_size": 1, "clip": CLIP, "n_prompts": 2, "rank": 32}, 71_723),
    (
        {"n_channels": 26, "window_size": 9, "clip": CLIP, "sources": TWO, "branches": "vision"},
        185_626,
    ),
]
PARAMS = {"clip": CLIP, "rank": 8}
TRAINING = {"max_epochs": 12, "lr": 3e-3, "batch_size": 32}
WITHOUT_GRADIENT = {
    "to_text.*": "turns prompts of windows into those of texts",
    "to_vision.mamba.scan.*": "prompts start near zero, so that their scan hardly matters",
}
PIN = (1.324721, -0.334423, 1.645872)


def n_parameters(
    n_channels, window_size, clip, sources=None, branches="both", n_prompts=4, rank=64
):
    n_spectral = n_channels if sources is None else sources["spectra"]
    n_further = n_channels - n_spectral
    n_maps = 2 * n_spectral if n_further else n_spectral
    join = 6 * n_spectral**2 + (6 + n_further) * n_spectral if n_further else 0
    n_hidden = max(4, n_maps // 8)
    fuse = 2 * n_maps * n_hidden + n_hidden + n_maps + 35 * n_maps**2 + 3 * n_maps
    adapt = 16 * (n_maps * 64 + 64 * 32 + 32 * 16 + 16 * 3) + (64 + 32 + 16 + 3) + 2 * 112
    prompts = N_LAYERS * n_prompts * WIDTH
    if branches == "vision":
        return join + fuse + adapt + prompts
    # Norm, both linear layers and one of Mamba between them, with 16 numbers per state.
    inner, dt = 2 * rank, max(1, rank // 16)
    mamba = (
        rank * 2 * inner + 5 * inner + inner * (dt + 32) + (dt + 1) * inner + 17 * inner
        + inner * rank
    )  # fmt: skip
    transform = 2 * WIDTH + (WIDTH + 1) * rank + mamba + (rank + 1) * WIDTH
    return join + fuse + adapt + 2 * prompts + 2 * transform
