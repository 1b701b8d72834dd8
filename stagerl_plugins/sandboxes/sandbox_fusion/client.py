"""One run on one server; what goes wrong is one of three things."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from stagerl_plugins.sandboxes.sandbox_fusion.address import Address
from stagerl_plugins.sandboxes.sandbox_fusion.answer import execution_of, longest_answer
from stagerl_plugins.sandboxes.worker import LostError
from stagerl_plugins.types import Execution, Limits

_CONNECT_SECONDS = 5.0
_REFUSED = (400, 413, 414, 415, 422)  # asked again, any server would answer the same
_MAY_HAVE_RUN = (408, 500, 502, 504)
_BUSY = (429, 503)


class RefusedError(Exception):
    """The server refuses the request itself, as any other would."""


class NotNowError(Exception):
    """The server ran nothing: it is out of reach, or does not let us in."""


class BusyError(NotNowError):
    """The server ran nothing, as it has too much to do.

    Args:
        message: One line.
        seconds: How long it asks us to wait.
    """

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Client:
    """Asks servers to run Python programs.

    Args:
        answer_seconds: How much longer than a program a server may take.
    """

    def __init__(self, answer_seconds: float) -> None:
        self._answer_seconds = answer_seconds
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            headers={
                "Accept-Encoding": "identity",  # a small answer may be a large one, packed
                "Connection": "close",  # a second answer on it would be taken for that to the next request
            },
            # they would tie us to one of the servers behind a URL
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    async def run(self, address: Address, program: str, stdin: str, limits: Limits) -> Execution:
        """Run a program on one input.

        Raises:
            RefusedError: As it says.
            NotNowError: As it says.
            LostError: The program may have run, or not; there is no answer to know it by.
        """
        seconds = limits.seconds + self._answer_seconds
        try:
            async with asyncio.timeout(seconds):
                execution = execution_of(await self._ask(address, program, stdin, limits), limits)
                return replace(execution, stderr=address.without_secrets(execution.stderr))
        except TimeoutError:
            raise LostError(f"no answer within {seconds:g} s") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise NotNowError(_told(address, f"{type(error).__name__}: {error}")) from None
        except httpx.HTTPError as error:
            raise LostError(_told(address, f"{type(error).__name__}: {error}")) from None
        except LostError as error:
            raise LostError(_told(address, str(error))) from None

    async def _ask(self, address: Address, program: str, stdin: str, limits: Limits) -> bytes:
        asked = {
            "language": "python",
            "code": _plain(program),
            "stdin": _plain(stdin),
            "compile_timeout": limits.seconds,
            "run_timeout": limits.seconds,
            "memory_limit_MB": limits.memory_mb,
            "files": {},
            "fetch_files": [],
        }
        most = longest_answer(program)
        body = bytearray()
        async with self._http.stream(
            "POST", address.url, json=asked, auth=address.login, extensions={"target": address.target}
        ) as response:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > most:
                    raise LostError(f"its answer is longer than {most} bytes")
        if response.status_code != 200:
            raise _meaning_of(address, response, bytes(body))
        return bytes(body)

    async def close(self) -> None:
        await self._http.aclose()


def _meaning_of(address: Address, response: httpx.Response, body: bytes) -> Exception:
    status = response.status_code
    told = _told(address, f"{status} {body.decode(errors='replace')}")
    if status in _REFUSED:
        return RefusedError(told)
    if status in _MAY_HAVE_RUN:
        return LostError(told)
    if status in _BUSY:
        wait = response.headers.get("Retry-After", "")
        return BusyError(told, float(wait) if re.fullmatch("[0-9]{1,9}", wait) else 0.0)
    return NotNowError(told)


def _told(address: Address, text: str) -> str:
    """What is somebody else's text in one short line, without secrets and without what a terminal would obey."""
    line = " ".join(address.without_secrets(text).split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:200]


def _plain(text: str) -> str:
    """Text that can be sent: a response's half surrogate pairs cannot."""
    return text.encode("utf-8", "replace").decode()
