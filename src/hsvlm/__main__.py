"""Entry of the command line, also as ``python -m hsvlm``."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from hsvlm._runtime import import_optional
from hsvlm.exceptions import HSVLMError, HSVLMWarning

__all__ = ["main"]


def main() -> None:
    """Run the command line; errors of the package end it with status 1 and one clear message."""
    try:
        import_optional("typer", "cli")
        from hsvlm.cli import app
    except HSVLMError as error:
        sys.stderr.write(f"hsvlm: {error}\n")
        sys.exit(1)
    from hsvlm.cli._outputs import escaped

    # Errors and warnings quote files of anybody.
    plain = warnings.formatwarning

    def formatted(message: Warning | str, *place: Any, **more: Any) -> str:
        if isinstance(message, HSVLMWarning):
            return f"hsvlm: warning: {escaped(message.for_command_line())}\n"
        return escaped(plain(message, *place, **more))

    warnings.formatwarning = formatted
    try:
        app()
    except (HSVLMError, OSError) as error:
        told = error.for_command_line() if isinstance(error, HSVLMError) else str(error)
        sys.stderr.write(f"hsvlm: {escaped(told)}\n")
        sys.exit(1)
    finally:
        warnings.formatwarning = plain


if __name__ == "__main__":
    main()
