"""Build missing indexes, for deployments: ``python scripts/sync_indexes.py [--json]``; see docs/cli.md."""

import sys

from docstore.cli import main

if __name__ == "__main__":
    main(["indexes", "sync", *sys.argv[1:]])
