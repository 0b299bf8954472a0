"""Back up the deployment of the environment, for schedulers: ``python scripts/backup.py [--at URL]``."""

import sys

from docstore.cli import main

if __name__ == "__main__":
    main(["backup", "create", *sys.argv[1:]])
