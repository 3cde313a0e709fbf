"""What is known of the encoder `fusion-vit`, by default with spectra only."""

TWO = {"spectra": 25, "lidar": 1}

SIZES = [
    ({"n_channels": 26, "window_size": 9, "patch_size": 3, "sources": TWO}, 199_751),
    ({"n_channels": 25, "window_size": 9, "patch_size": 3}, 128_099),
    ({"n_channels": 6, "window_size": 1, "patch_size": 1}, 102_968),
    (
        {"n_channels": 26, "window_size": 9, "patch_size": 3, "sources": TWO, "fusion": "concat"},
        195_876,
    ),
    (
        {
            "n_channels": 28,
            "window_size": 7,
            "patch_size": 1,
            "sources": {"spectra": 25, "lidar": 1, "radar": 2},
            "convolutions": "depthwise",
        },
        114_051,
    ),
]
PIN = (-1.47309, 1.58513, 1.40015)


def n_parameters(
    n_channels, window_size, patch_size, sources=None, fusion="cross", convolutions="dense"
):
    n_spectral = n_channels if sources is None else sources["spectra"]
    n_further = n_channels - n_spectral
    n_maps = 2 * n_spectral if n_further else n_spectral
    lift = n_further * n_spectral + n_spectral
    attention = 6 * n_spectral**2 + 5 * n_spectral
    join = (lift + (attention if fusion == "cross" else 0)) if n_further else 0
    n_hidden = max(4, n_maps // 8)
    n_seen = n_maps if convolutions == "dense" else 1
    fuse = 2 * n_maps * n_hidden + n_hidden + n_maps + 35 * n_seen * n_maps + 3 * n_maps
    width, depth = 64, 4
    tokens = ((window_size - patch_size + 1) ** 2 + 2) * width
    layer = 4 * (width**2 + width) + 2 * (width**2 + width) + 4 * width
    return join + fuse + (n_maps + 1) * width + tokens + depth * layer + 2 * width
