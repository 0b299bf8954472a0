"""``python -m docstore``: the command line."""

from docstore.cli import main

if __name__ == "__main__":
    main()
