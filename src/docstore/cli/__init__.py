"""The command line: `docstore`, one module a command group.

Owns what people type and see. Does not own what is done: every command is a thin shell over the library. Modules of
the library are imported inside the commands, so that `docstore --version` and shell completion answer at once.
"""

from docstore.cli.app import main

__all__ = ["main"]
