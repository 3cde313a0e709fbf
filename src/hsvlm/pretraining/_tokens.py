"""What a vision encoder needs for masked pre-training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hsvlm.vision import get_vision_encoder, list_vision_encoders

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TokenEncoder", "list_token_encoders"]


@runtime_checkable
class TokenEncoder(Protocol):
    """A vision encoder whose tokens can be hidden, so that masked pre-training works with it.

    The registered encoders that :func:`list_token_encoders` names are of this kind, and so is a
    ``torch.nn.Module`` with these three methods.
    """

    def token_values(self, windows: Tensor) -> Tensor:
        """Return the values that each token stands for.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_tokens, n_values)
            What is predicted of a token that is hidden.
        """
        ...

    def to_tokens(self, windows: Tensor) -> Tensor:
        """Embed windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_tokens, width)
            Tokens, with what tells their positions. No token depends on the values of another.
        """
        ...

    def run_tokens(self, tokens: Tensor) -> Tensor:
        """Encode any of the tokens.

        Parameters
        ----------
        tokens : Tensor of shape (n_windows, n_some, width)
            Some or all of the tokens of a window, in any order.

        Returns
        -------
        Tensor of shape (n_windows, n_more + n_some, width)
            The encoded tokens in the same order, after tokens that the encoder adds, such as a
            class token.
        """
        ...


def list_token_encoders() -> list[str]:
    """Return the names of the registered vision encoders that can be pre-trained without labels.

    Returns
    -------
    list of str
        Sorted names.

    Examples
    --------
    >>> from hsvlm.pretraining import list_token_encoders
    >>> "group-vit" in list_token_encoders()
    True
    """
    # A protocol with methods only can be compared with a class.
    return [
        name
        for name in list_vision_encoders()
        if issubclass(get_vision_encoder(name), TokenEncoder)
    ]
