"""Certificates and keys for Kafka: text or file, what is taken, what is told of what is not, what is never shown.

A real broker that asks for them is in `clients/test_kafka_secure.py`.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import traceback
from pathlib import Path

import pytest

from docstore import _kafka_certificates
from docstore.clients._kafka_options import identity, tls_context
from docstore.errors import SettingsError
from docstore.operations.doctor import describe_settings
from docstore.settings import Settings
from scripts.kafka_security import Authority

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl on PATH")

PASSWORD = "0pens-the-key"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority's ``ca.pem``; ``client.crt`` with ``client-key.pem``, the same encrypted; ``other-key.pem``."""
    folder = tmp_path_factory.mktemp("certificates") / "authority"
    authority = Authority.make(folder)
    authority.sign("client", host=None)
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(folder / "ec-key.pem"))
    openssl("genpkey", "-algorithm", "RSA", "-out", str(folder / "other-key.pem"))
    key, encrypted = str(folder / "client-key.pem"), str(folder / "encrypted-key.pem")
    openssl("pkey", "-in", key, "-aes256", "-passout", f"pass:{PASSWORD}", "-out", encrypted)
    (folder / "both.pem").write_text((folder / "client.crt").read_text() + (folder / "client-key.pem").read_text())
    (folder / "none.pem").write_text("nothing of use")
    return folder


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


def of_files(folder: Path, **names: str) -> dict[str, str]:
    """Settings that name files of the folder."""
    right = {"ca_cert": "ca.pem", "client_cert": "client.crt", "client_key": "client-key.pem"}
    return {f"kafka_{name}": str(folder / file) for name, file in (right | names).items()}


def of_text(folder: Path) -> dict[str, str]:
    """Settings that hold what the files hold."""
    return {name: Path(path).read_text() for name, path in of_files(folder).items()}


def test_files_are_taken(folder: Path) -> None:
    settings = Settings(**of_files(folder), kafka_service_uri="h:1")
    assert settings.kafka_protocol == "SSL"
    assert [found["subject"] for found in tls_context(settings).get_ca_certs()] == [
        ((("commonName", "throw-away authority"),),)
    ]


@pytest.mark.parametrize("newline", ["\n", "\\n", "\r\n", "\\r\\n"])
def test_text_is_taken_with_any_newlines(folder: Path, newline: str) -> None:
    settings = Settings(**{name: text.replace("\n", newline) for name, text in of_text(folder).items()})
    assert tls_context(settings).get_ca_certs()


def test_text_is_taken_where_no_file_can_be_made_in_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(_kafka_certificates.os, "memfd_create", raising=False)
    assert tls_context(Settings(**of_text(folder))).get_ca_certs()


def test_text_leaves_nothing_open(folder: Path) -> None:
    settings = Settings(**of_text(folder))
    before = sum(1 for _ in Path("/dev/fd").iterdir())
    for _ in range(9):
        tls_context(settings)
    assert sum(1 for _ in Path("/dev/fd").iterdir()) < before + 9


def test_one_file_may_hold_both(folder: Path) -> None:
    tls_context(Settings(**of_files(folder, client_cert="both.pem", client_key="both.pem")))


def test_an_encrypted_key_is_opened(folder: Path) -> None:
    files = of_files(folder, client_key="encrypted-key.pem")
    tls_context(Settings(**files, kafka_client_key_password=PASSWORD))
    # One that needs no password takes no notice of it.
    tls_context(Settings(**of_files(folder), kafka_client_key_password=PASSWORD))


@pytest.mark.parametrize(
    ("fields", "variable", "needs"),
    [
        ({"client_cert": "absent.crt"}, "KAFKA_CLIENT_CERT", "there is no such file"),
        ({"client_key": "absent.pem"}, "KAFKA_CLIENT_KEY", "there is no such file"),
        ({"ca_cert": "absent.pem"}, "KAFKA_CA_CERT", "there is no such file"),
        ({"client_key": "."}, "KAFKA_CLIENT_KEY", "there is no such file"),
        ({"ca_cert": "none.pem"}, "KAFKA_CA_CERT", "no certificate in PEM form"),
        ({"client_cert": "none.pem"}, "KAFKA_CLIENT_CERT", "no certificate in PEM form"),
        ({"client_cert": "client-key.pem"}, "KAFKA_CLIENT_CERT", "no certificate in PEM form"),
        ({"client_key": "none.pem"}, "KAFKA_CLIENT_KEY", "no private key in PEM form"),
        ({"client_key": "client.crt"}, "KAFKA_CLIENT_KEY", "no private key in PEM form"),
        ({"client_key": "other-key.pem"}, "KAFKA_CLIENT_KEY", "not the key of KAFKA_CLIENT_CERT"),
        ({"client_key": "ec-key.pem"}, "KAFKA_CLIENT_KEY", "not the key of KAFKA_CLIENT_CERT"),
        ({"client_key": "encrypted-key.pem"}, "KAFKA_CLIENT_KEY_PASSWORD", "KAFKA_CLIENT_KEY is encrypted"),
    ],
)
def test_a_file_that_does_not_fit_is_told_by_its_setting(
    folder: Path, fields: dict[str, str], variable: str, needs: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**of_files(folder, **fields))
    assert caught.value.field == variable
    assert str(caught.value).startswith(f"{variable} ")
    assert needs in str(caught.value)
    assert f"Example: {variable}=" in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_told(folder: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed.pem"
    shutil.copy(folder / "client-key.pem", closed)
    closed.chmod(0)
    with pytest.raises(SettingsError, match=r"KAFKA_CLIENT_KEY .*may not be read"):
        Settings(**of_files(folder) | {"kafka_client_key": str(closed)})


def test_a_pipe_is_not_waited_for(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match="KAFKA_CLIENT_KEY"):
        Settings(**of_files(folder) | {"kafka_client_key": str(tmp_path / "pipe")})


@pytest.mark.parametrize("password", ["another", "x" * 2000])
def test_a_wrong_password_is_told(folder: Path, password: str) -> None:
    files = of_files(folder, client_key="encrypted-key.pem")
    with pytest.raises(SettingsError) as caught:
        Settings(**files, kafka_client_key_password=password)
    assert caught.value.field == "KAFKA_CLIENT_KEY_PASSWORD"
    assert "does not open KAFKA_CLIENT_KEY" in str(caught.value)
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "variable", "because"),
    [
        (("client_cert",), "KAFKA_CLIENT_KEY", "KAFKA_CLIENT_CERT is"),
        (("client_key",), "KAFKA_CLIENT_CERT", "KAFKA_CLIENT_KEY is"),
    ],
)
def test_half_of_a_pair_is_told(folder: Path, given: tuple[str, ...], variable: str, because: str) -> None:
    files = of_files(folder)
    with pytest.raises(SettingsError, match=f"{variable} is not set, but {because}") as caught:
        Settings(**{f"kafka_{name}": files[f"kafka_{name}"] for name in given})
    assert caught.value.field == variable


def test_a_password_without_a_key_is_told() -> None:
    with pytest.raises(SettingsError, match="KAFKA_CLIENT_KEY is not set, but KAFKA_CLIENT_KEY_PASSWORD is"):
        Settings(kafka_client_key_password=PASSWORD)


def test_plain_text_does_not_use_a_certificate(folder: Path) -> None:
    files = of_files(folder)
    del files["kafka_ca_cert"]
    with pytest.raises(SettingsError, match="KAFKA_SECURITY_PROTOCOL is PLAINTEXT, which does not use KAFKA_CLIENT"):
        Settings(**files, kafka_security_protocol="PLAINTEXT")


def test_a_misspelled_name_is_told(folder: Path) -> None:
    with pytest.raises(SettingsError, match="Did you mean kafka_client_cert"):
        Settings(kafka_client_crt=str(folder / "client.crt"))


def test_keys_and_passwords_are_never_shown(folder: Path) -> None:
    text = of_text(folder)
    text["kafka_client_key"] = (folder / "encrypted-key.pem").read_text()
    settings = Settings(**text, kafka_client_key_password=PASSWORD)
    shown = [repr(settings), str(settings), settings.model_dump_json(), repr(identity(settings))]
    shown += [str(describe_settings(settings))]
    body = text["kafka_client_key"].splitlines()[2]
    assert not [each for each in shown if PASSWORD in each or body in each]


@pytest.mark.parametrize("wrong", ["kafka_ca_cert", "kafka_client_cert", "kafka_client_key"])
def test_what_is_no_path_is_not_quoted(folder: Path, wrong: str) -> None:
    # A key without its first line looks like a path to whoever wants one.
    body = "".join((folder / "client-key.pem").read_text().splitlines()[1:-1])
    for value in (body, body[:40], body[:40] + "\0"):
        with pytest.raises(SettingsError) as caught:
            Settings(**of_files(folder) | {wrong: value})
        assert body[:20] not in "".join(traceback.format_exception(caught.value))


def test_a_key_as_the_certificate_is_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match="KAFKA_CLIENT_CERT holds a private key"):
        Settings(**of_files(folder) | {"kafka_client_cert": (folder / "both.pem").read_text()})


def test_a_file_that_is_gone_by_the_time_it_is_used_is_told(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "client-key.pem", tmp_path / "key.pem")
    settings = Settings(**of_files(folder) | {"kafka_client_key": str(tmp_path / "key.pem")})
    (tmp_path / "key.pem").unlink()
    with pytest.raises(SettingsError, match="KAFKA_CLIENT_KEY") as caught:
        tls_context(settings)
    assert caught.value.field == "KAFKA_CLIENT_KEY"


def test_files_that_were_renewed_are_read_again(folder: Path, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    shutil.copy(folder / "ca.pem", authority)
    settings = Settings(kafka_ca_cert=str(authority))
    first = tls_context(settings).get_ca_certs()
    renewed = Authority.make(tmp_path / "renewed").certificate
    authority.write_text(renewed)
    assert tls_context(settings).get_ca_certs() != first
    assert ssl.create_default_context(cadata=renewed).get_ca_certs() == tls_context(settings).get_ca_certs()


def test_another_server_gets_no_certificate_of_this_one(folder: Path) -> None:
    moved = Settings(**of_files(folder), kafka_service_uri="h:1").with_urls(kafka_service_uri="i:2")
    assert (moved.kafka_client_cert, moved.kafka_client_key, moved.kafka_protocol) == (None, None, "PLAINTEXT")


def test_settings_that_differ_in_their_certificate_share_no_client(folder: Path) -> None:
    one, other = Settings(**of_files(folder)), Settings(**of_text(folder))
    assert identity(one) != identity(other)
    assert identity(one) == identity(Settings(**of_files(folder)))
