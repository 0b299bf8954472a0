"""What the kill tests run and kill: ``python killed_child.py create|restore URI DATABASE FOLDER``."""

import asyncio
import sys
from typing import Any

from pymongo import AsyncMongoClient

from docstore.operations.backup import RestoreOptions, create_backup, open_backup, open_place, restore_backup

LEASE_S = 1.0


async def main(work: str, uri: str, name: str, folder: str) -> None:
    """One backup or restore."""
    place = open_place(folder)
    async with AsyncMongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        print("ready", flush=True)
        if work == "create":
            await create_backup(client[name], place)
        else:
            options = RestoreOptions(drop=True, lease_s=LEASE_S, parallel=2)
            await restore_backup(open_backup(place, "latest"), client[name], options)
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
