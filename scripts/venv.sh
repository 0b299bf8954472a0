#!/bin/sh
# Makes .venv with everything the project needs, with uv where it is at hand, else with venv and pip.
set -eu
cd "$(dirname "$0")/.."

usable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1
}

if command -v uv >/dev/null 2>&1; then
    [ -x .venv/bin/python ] || uv venv --quiet --python '>=3.11,<3.14' .venv
    uv pip install --quiet --python .venv/bin/python -e '.[dev]'
else
    if ! [ -x .venv/bin/python ]; then
        chosen=
        for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
            if [ -n "$candidate" ] && usable "$candidate"; then
                chosen=$candidate
                break
            fi
        done
        if [ -z "$chosen" ]; then
            echo "docstore needs Python 3.11, 3.12 or 3.13. Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2
            exit 1
        fi
        "$chosen" -m venv .venv || {
            echo "Python's venv module is missing or broken (on Debian and Ubuntu: apt install python3-venv)." >&2
            exit 1
        }
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
fi
touch .venv/.complete
