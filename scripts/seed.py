"""Seed the deployment of the environment, for schedulers: ``python scripts/seed.py [--scale N]``; see docs/cli.md."""

import sys

from docstore.cli import main

if __name__ == "__main__":
    main(["seed", *sys.argv[1:]])
