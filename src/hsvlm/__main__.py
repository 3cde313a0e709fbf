"""Entry of the command line, also as ``python -m hsvlm``."""

from __future__ import annotations

import io
import os
import sys
import traceback

from hsvlm._system.optional import import_optional
from hsvlm.exceptions import HSVLMError

__all__ = ["main"]


def main() -> None:
    """Run the command line; any error ends it with a message of a few lines and status 1."""
    try:
        import_optional("typer", "cli")
        from hsvlm.cli import app
        from hsvlm.cli.messages import (
            INTERRUPTED_STATUS,
            error_text,
            print_error,
            shown_warnings,
        )
    except HSVLMError as error:
        sys.stderr.write(f"hsvlm: {error}\n")
        sys.exit(1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Terminals of some languages lack characters of class names and paths.
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    try:
        with shown_warnings(debug=debug):
            app()
    except KeyboardInterrupt:
        print_error("interrupted.")
        sys.exit(INTERRUPTED_STATUS)
    except BrokenPipeError:
        # Whatever is left in the buffer cannot be written when Python ends, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if debug:
            traceback.print_exc()
        print_error(error_text(error, arguments))
        sys.exit(1)


if __name__ == "__main__":
    main()
