"""What the options of `docstore backup` and the settings mean together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from docstore.errors import SettingsError

if TYPE_CHECKING:
    from docstore.operations.backup import Cron, Every, Place, Seal
    from docstore.settings import Settings


def place_at(settings: Settings, at: str | None) -> Place:
    """The place of ``--at``, else of BACKUP_URL."""
    from docstore.operations.backup import open_place

    return open_place(at or settings.backup_url.get_secret_value())


def place_of(settings: Settings, at: str | None, name: str) -> tuple[Place, str]:
    """Where a backup is, and its folder there; a path to it names both."""
    if at is None and ("/" in name or Path(name).is_dir()):
        path = Path(name).expanduser().absolute()
        return place_at(settings, str(path.parent)), path.name
    return place_at(settings, at), name


def whose_latest(settings: Settings, name: str, given: str | None) -> str | None:
    """Whose newest backup 'latest' is: that of the settings' database, unless another is named."""
    return given or (settings.effective_database_name if name == "latest" else None)


def writing_seal(settings: Settings) -> Seal | None:
    """What new backups are encrypted to; None for not at all."""
    from docstore.operations.backup import Seal

    recipients = names_in(settings.backup_recipients)
    return Seal(recipients) if recipients else None


def reading_seal(settings: Settings) -> Seal | None:
    """What opens encrypted backups; None without a key."""
    from docstore.operations.backup import Seal

    if settings.backup_identity is None:
        return None
    return Seal(identities=[settings.backup_identity.get_secret_value()])


def expect_consent(settings: Settings, to: str | None, yes: bool) -> None:
    """Nothing outside production, or with ``--yes``.

    Raises:
        SettingsError: it is production, and nobody said yes.
    """
    if settings.is_production and not yes:
        raise SettingsError(
            f"DB_METHOD is PRODUCTION: the restore would go into {to or settings.effective_database_name!r} there.",
            hint="If that is what you want, add --yes.",
        )


def timetable(cron: str | None, every: str | None, zone: str) -> Cron | Every:
    """The times that ``--cron`` or ``--every`` name.

    Raises:
        SettingsError, BackupError: neither or both are given, or they say nothing.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from docstore.cli.durations import duration
    from docstore.operations.backup import Cron, Every

    if (cron is None) == (every is None):
        raise SettingsError("say when: either --cron or --every.", hint="Such as --cron '0 3 * * *', or --every 6h.")
    if every is not None:
        return Every(duration(every))
    assert cron is not None
    try:
        return Cron(cron, ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"there is no time zone {zone!r}.", hint="Such as UTC or Europe/Berlin.") from error


def names_in(text: str) -> list[str]:
    """The names in a text with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
