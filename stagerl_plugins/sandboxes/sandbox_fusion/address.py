"""Where the servers are. Passwords and tokens come from a file, and appear in nothing that is printed.

verl prints its whole configuration, and the client logs the URL of each request.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import httpx

from stagerl_plugins.errors import UserError

_CALL = b"/run_code"
_SECRET_LETTERS = 4  # shorter ones stand in any text


@dataclass(frozen=True, slots=True)
class Address:
    """A server that runs code.

    Args:
        url: Scheme, host and port: all that is ever shown.
        target: Path and query of a request.
        login: User and password.
    """

    url: str
    target: bytes = field(repr=False)
    login: tuple[str, str] | None = field(repr=False)

    @staticmethod
    def of(text: str) -> Address:
        """The server at this URL, which may end in `/run_code`.

        Raises:
            ValueError: It is no URL; the message does not repeat it.
        """
        try:
            url = httpx.URL(text)
            valid = url.scheme in ("http", "https") and url.host != ""
        except (httpx.InvalidURL, ValueError):
            valid = False
        if not valid:
            raise ValueError("expected a URL such as http://host:8080")
        path, mark, query = url.raw_path.partition(b"?")
        target = path.rstrip(b"/").removesuffix(_CALL) + _CALL + mark + query
        login = (url.username, url.password) if url.userinfo else None
        return Address(f"{url.scheme}://{url.netloc.decode()}", target, login)

    @property
    def is_secret(self) -> bool:
        return self.login is not None or b"?" in self.target

    def without_secrets(self, text: str) -> str:
        """What a server or the client said, without secrets that it may have repeated."""
        query = self.target.partition(b"?")[2].decode()
        secrets = [query, *(value for _, value in parse_qsl(query)), *(self.login or ())]
        if self.login is not None:
            secrets.append(base64.b64encode(":".join(self.login).encode()).decode())
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _SECRET_LETTERS:
                text = text.replace(secret, "…")
        return text


def read_addresses(endpoints: Sequence[str], file: str | None) -> list[Address]:
    """The servers that the options name, each once.

    Args:
        endpoints: URLs from the configuration, which hold no secret.
        file: Path of a file with a URL a line; `~` is the user's folder, and a line that begins with `#` is none.

    Raises:
        UserError: There is none, or one that is no URL, or a secret in the configuration.
    """
    found: list[Address] = []
    for number, text in enumerate(endpoints, 1):
        address = _address(text, f"endpoints, {number}")
        if address.is_secret:
            hint = "verl prints its configuration: put it into a file that `endpoints_file` names"
            raise UserError(f"endpoints, {number}: {address.url} has a password or a query, and {hint}")
        found.append(address)
    for number, line in enumerate(_lines(file) if file is not None else [], 1):
        if line and not line.startswith("#"):
            found.append(_address(line, f"endpoints_file, line {number}"))
    if not found:
        raise UserError("no server: name some as `endpoints`, such as http://host:8080, or in an `endpoints_file`")
    return list(dict.fromkeys(found))


def _address(text: str, where: str) -> Address:
    try:
        return Address.of(text.strip())
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None


def _lines(file: str) -> list[str]:
    try:
        # `Path.expanduser` raises for a user who is not there
        return [line.strip() for line in Path(os.path.expanduser(file)).read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise UserError(f"endpoints_file: {file} cannot be read on this machine: {reason}") from None
