"""Dilation of stacks of images with learned structuring elements, with a faster form on a CPU."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad, unfold

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["dilate"]

# Sums are computed in pieces of this many, which stay in the cache of a core.
_CACHED_SUMS: Final = 2**18


def dilate(images: Tensor, elements: Tensor) -> Tensor:
    """Largest sum of an image and a structuring element, over images and places; zeros outside.

    Shapes: `images` (n_windows, n_images, side, side), `elements` (n_maps, n_images, size, size);
    returns (n_windows, n_maps, side, side).
    """
    if images.device.type != "cpu":
        return _dilate_by_shifts(images, elements)
    # Numbers of places need more digits than bfloat16 has.
    dtype = torch.promote_types(images.dtype, torch.float32)
    both = images.to(dtype), elements.to(dtype)
    if not torch.is_grad_enabled():
        return _largest(*both)[0]
    result: Tensor = _Dilation.apply(*both)  # type: ignore[no-untyped-call]
    return result


def _dilate_by_shifts(images: Tensor, elements: Tensor) -> Tensor:
    """Look at one place of the elements at a time, in all windows and maps."""
    size, (rows, cols) = elements.shape[-1], images.shape[-2:]
    around = pad(images, [size // 2] * 4).unsqueeze(1)
    shifted = (
        around[..., row : row + rows, col : col + cols] + elements[:, :, row, col, None, None]
        for row in range(size)
        for col in range(size)
    )
    # `amax` would divide the gradient among equal values, of which there are many at first.
    return reduce(torch.maximum, (one.max(dim=2).values for one in shifted))


class _Dilation(Function):
    """The same by sums and maxima of few windows and one map at a time.

    Operations of automatic differentiation would keep the sums of all places for the way back;
    which of them is the largest is all that it needs.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, elements: Tensor) -> Tensor:
        largest, where = _largest(images, elements, finds_place=True)
        ctx.save_for_backward(where)
        ctx.shapes = images.shape, elements.shape
        return largest

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        (where,) = ctx.saved_tensors
        (n_windows, n_images, *sides), elements_shape = ctx.shapes
        n_maps, size = elements_shape[0], elements_shape[-1]
        gradient = gradient.flatten(2)
        of_elements = gradient.new_zeros(n_maps, n_images * size**2)
        of_elements.scatter_add_(
            1, where.transpose(0, 1).flatten(1), gradient.transpose(0, 1).flatten(1)
        )
        half = size // 2
        padded = n_images, *(side + 2 * half for side in sides)
        places = torch.arange(n_images * padded[1] * padded[2]).view(1, *padded)
        # The places of all images and shifts, seen from the first pixel, and of all pixels.
        shifts = places[0, :, :size, :size].flatten()
        pixels = places[0, 0, : sides[0], : sides[1]].flatten()
        of_images = gradient.new_zeros(n_windows, places.numel())
        of_images.scatter_add_(1, (shifts[where] + pixels).flatten(1), gradient.flatten(1))
        inner = of_images.view(n_windows, *padded)[
            ..., half : half + sides[0], half : half + sides[1]
        ]
        return inner.contiguous(), of_elements.view(elements_shape)


def _largest(
    images: Tensor, elements: Tensor, *, finds_place: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the largest sums, and which of the sums of all images and shifts they are.

    Shapes: (n_windows, n_maps, side, side) and, empty without `finds_place`, (n_windows, n_maps,
    side * side).
    """
    (n_maps, _, size, _), (n_windows, _, *sides) = elements.shape, images.shape
    added = elements.flatten(1).unsqueeze(2)
    largest = images.new_empty(n_windows, n_maps, sides[0] * sides[1])
    where = torch.empty(largest.shape if finds_place else 0, dtype=torch.int64)
    ranks = torch.arange(1, added.shape[1] + 1, dtype=images.dtype).unsqueeze(1)
    for piece, around, sums in _pieces(images, size):
        for number in range(n_maps):
            torch.add(around, added[number], out=sums)
            largest[piece, number] = maximum = sums.amax(dim=1)
            if finds_place:
                # Three passes of vector operations, faster than the one that finds the place.
                found = sums.eq_(maximum.unsqueeze(1)).mul_(ranks).amax(dim=1)
                # None beside NaN, which spreads by itself.
                where[piece, number] = found.long().sub_(1).clamp_(min=0)
    return largest.unflatten(2, sides), where


def _pieces(images: Tensor, size: int) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yield windows whose surroundings fit into the cache, and memory for sums that all share."""
    step = max(1, _CACHED_SUMS // (images[0].numel() * size**2))
    sums = images.new_empty(0)
    for start in range(0, len(images), step):
        piece = slice(start, start + step)
        around = unfold(images[piece], size, padding=size // 2)
        sums = sums if sums.numel() else torch.empty_like(around)
        yield piece, around, sums[: len(around)]
