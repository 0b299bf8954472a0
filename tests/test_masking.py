"""Masking: whatever the password, it is not in what is printed."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore._masking import MASK, mask_url


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("mongodb://u:pw@a:1,b:2/db?w=1", f"mongodb://u:{MASK}@a:1,b:2/db?w=1"),
        ("mongodb+srv://u:pw@c.example.net", f"mongodb+srv://u:{MASK}@c.example.net"),
        ("redis://:pw@h:6379/0", f"redis://:{MASK}@h:6379/0"),
        ("mongodb://u:p@ss/w?rd@h", f"mongodb://u:{MASK}@h"),
        (
            "mongodb://h/?tlsCertificateKeyFilePassword=pw&w=1",
            f"mongodb://h/?tlsCertificateKeyFilePassword={MASK}&w=1",
        ),
        (
            "mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:t",
            f"mongodb://h/?authMechanismProperties={MASK}",
        ),
        ("could not reach redis://:pw@h now", f"could not reach redis://:{MASK}@h now"),
        ("http://127.0.0.1:7700", "http://127.0.0.1:7700"),
        ("mongodb://user@h/db", "mongodb://user@h/db"),
        ("", ""),
    ],
)
def test_known_shapes(url: str, masked: str) -> None:
    assert mask_url(url) == masked


@given(
    password=st.text(min_size=8).map(lambda text: f"<<{''.join(text.split())}>>"),
    scheme=st.sampled_from(["mongodb", "mongodb+srv", "redis", "rediss", "https"]),
    user=st.sampled_from(["", "user"]),
    encoded=st.booleans(),
)
def test_no_password_is_left(password: str, scheme: str, user: str, encoded: bool) -> None:
    written = quote(password, safe="") if encoded else password
    masked = mask_url(f"{scheme}://{user}:{written}@host:1/db")
    assert masked == f"{scheme}://{user}:{MASK}@host:1/db"
