"""Hides what must not be printed in addresses: passwords in URLs and secret query parameters."""

from __future__ import annotations

import re

MASK = "***"

# Greedy up to the last "@" of the word: a password with an unescaped "/" or "@" is hidden too, at worst
# together with more of the address than necessary.
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)(?P<user>[^\s:@]*):(?P<password>\S*)@")
_SECRET_PARAMETER = re.compile(
    r"(?P<name>[?&;][^=&;\s]*(?:password|passwd|secret|token|api[_-]?key|authMechanismProperties)[^=&;\s]*=)[^&;\s]*",
    re.IGNORECASE,
)


def mask_url(url: str) -> str:
    """The same URL with its password and secret query parameters as ``***``; user and host stay readable.

    Text without such a URL comes back unchanged, so whole messages can be passed too.
    """
    masked = _USER_INFO.sub(rf"\g<scheme>\g<user>:{MASK}@", url)
    return _SECRET_PARAMETER.sub(rf"\g<name>{MASK}", masked)
