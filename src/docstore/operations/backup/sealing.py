"""Encryption with age (https://age-encryption.org), whose own tools open the files too. Needs the extra ``backup``.

Whoever makes backups needs the recipients alone, which are public: a machine that is broken into cannot read the
backups it made. Reading needs an identity.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final

from docstore.errors import BackupError, CorruptBackup, MissingExtra

_PIPE_READ: Final = 1024 * 1024


class Seal:
    """What files are encrypted to and decrypted with.

    Args:
        recipients: public keys, ``age1…`` or ``ssh-ed25519 …``.
        identities: secret keys, ``AGE-SECRET-KEY-1…``; only for reading.
    """

    def __init__(self, recipients: Sequence[str] = (), identities: Sequence[str] = ()) -> None:
        self._recipients = [_recipient(text) for text in recipients]
        self._identities = [_identity(text) for text in identities]

    @property
    def can_write(self) -> bool:
        """Whether there is a recipient."""
        return bool(self._recipients)

    @property
    def can_read(self) -> bool:
        """Whether there is an identity."""
        return bool(self._identities)

    def writing(self, target: BinaryIO) -> SealedWriter:
        """A file whose bytes go encrypted into `target`."""
        import pyrage

        return SealedWriter(lambda source: pyrage.encrypt_io(source, target, self._recipients))

    def reading(self, source: BinaryIO, file: str) -> OpenedReader:
        """A file that gives the decrypted bytes of `source`; `file` is what errors name."""
        import pyrage

        return OpenedReader(lambda target: pyrage.decrypt_io(source, target, self._identities), file)


class SealedWriter:
    """A writer that hands what it gets through a pipe to a thread that encrypts: age pulls, we push."""

    def __init__(self, encrypt: Callable[[BinaryIO], None]) -> None:
        reading, writing = os.pipe()
        self._writing: int | None = writing
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(encrypt, reading), daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> int:
        """Encrypt and store `data`."""
        view = memoryview(data)
        while view:
            try:
                assert self._writing is not None
                view = view[os.write(self._writing, view) :]
            except BrokenPipeError:
                self._finish()
                raise
        return len(data)

    def close(self) -> None:
        """Wait until all is stored.

        Raises:
            OSError: it could not be.
        """
        self._finish()

    def _finish(self) -> None:
        if self._writing is not None:
            os.close(self._writing)
            self._writing = None
            self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self, encrypt: Callable[[BinaryIO], None], reading: int) -> None:
        with os.fdopen(reading, "rb", buffering=_PIPE_READ) as source:
            try:
                encrypt(source)
            except BaseException as error:
                self._error = error


class OpenedReader:
    """A reader of what a thread decrypts into a pipe."""

    def __init__(self, decrypt: Callable[[BinaryIO], None], file: str) -> None:
        self._file = file
        reading, writing = os.pipe()
        self._reading: int | None = reading
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(decrypt, writing), daemon=True)
        self._thread.start()

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end.

        Raises:
            CorruptBackup: what is stored cannot be decrypted.
        """
        assert self._reading is not None
        data = os.read(self._reading, size)
        if not data:
            self._thread.join()
            if self._error is not None:
                raise CorruptBackup(
                    f"{self._file} cannot be decrypted: {type(self._error).__name__}.",
                    file=self._file,
                    hint="Either it is damaged, or BACKUP_IDENTITY is not among those it was encrypted for.",
                ) from self._error
        return data

    def close(self) -> None:
        """Stop reading; the thread ends at its next write."""
        if self._reading is not None:
            os.close(self._reading)
            self._reading = None
            self._thread.join()

    def _run(self, decrypt: Callable[[BinaryIO], None], writing: int) -> None:
        try:
            with os.fdopen(writing, "wb", buffering=0) as target:
                decrypt(target)
        except BaseException as error:
            self._error = error


def _recipient(text: str) -> Any:
    pyrage = _pyrage()
    try:
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise BackupError(
            "BACKUP_RECIPIENTS holds something that is no public key of age.",
            hint="A recipient looks like age1… or ssh-ed25519 …; `age-keygen` makes a pair.",
        ) from None


def _identity(text: str) -> Any:
    pyrage = _pyrage()
    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError:
        # Without the cause: what it says may hold the key.
        raise BackupError(
            "BACKUP_IDENTITY holds something that is no secret key of age.",
            hint="An identity looks like AGE-SECRET-KEY-1…; `age-keygen` makes a pair.",
        ) from None


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError as error:
        raise MissingExtra("backup", "an encrypted backup") from error
    return pyrage
