"""All that is asked of E2B, by its own client; what goes wrong is one of three things."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from stagerl_plugins.errors import UserError
from stagerl_plugins.sandboxes.worker import LostError

_REQUEST_SECONDS = 30.0
_NEVER_ACCEPTED = (400, 401, 403, 404, 422)  # asked again, the service would answer the same


class RefusedError(UserError):
    """The service refuses what we are or ask for: a key, a template. Nothing is to be gained by asking again."""


class BusyError(Exception):
    """The service does not do it now: busy, at a limit, or out of reach."""


@dataclass(frozen=True, slots=True)
class Found:
    """A sandbox that the service has."""

    sandbox: str
    metadata: dict[str, str]


class Service:
    """E2B with a key. Usable from any event loop.

    Args:
        key: The key.
        template: What sandboxes are made of; None takes the client's.

    Raises:
        UserError: The client is not installed.
    """

    def __init__(self, key: SecretStr, template: str | None = None) -> None:
        try:
            self._boxes: Any = importlib.import_module("e2b_code_interpreter").AsyncSandbox
            self._e2b: Any = importlib.import_module("e2b")
        except ImportError as error:
            hint = "pip install 'stagerl-plugins[e2b]'"
            raise UserError(f"the sandbox 'e2b' needs E2B's client, which cannot be imported: {hint}") from error
        self._key = key
        self._template = template

    async def create(self, metadata: dict[str, str], seconds: int, request: str) -> Any:
        """A new sandbox, which ends by itself after so many seconds.

        Args:
            metadata: What it can be found by.
            seconds: How long it lives at most.
            request: Names this creation: tried again under the same name, the service makes no second one.

        Raises:
            RefusedError: The service refuses the key or the template.
            BusyError: Not now.
        """
        try:
            return await self._boxes.create(
                template=self._template,
                timeout=seconds,
                metadata=metadata,
                allow_internet_access=False,
                idempotency_key=request,
                **self._call(),
            )
        except Exception as error:  # noqa: BLE001  the client raises what its transports raise
            raise self._meaning_of(error) from None

    async def run_code(self, box: Any, code: str, seconds: float, most: int) -> str:
        """What this Python code prints in a sandbox, no more than so many letters.

        Raises:
            LostError: It ended otherwise than by its end, or printed more.
        """
        printed = 0

        def count(message: Any) -> None:  # the client keeps all of it
            nonlocal printed
            printed += len(message.line)
            if printed > most:
                raise LostError(f"its answer is longer than {most} letters")

        try:
            execution = await box.run_code(
                code, timeout=seconds, request_timeout=_REQUEST_SECONDS, on_stdout=count, on_stderr=count
            )
        except LostError:
            raise
        except Exception as error:  # noqa: BLE001
            raise LostError(self._told(error)) from None
        if execution.error is not None:
            raise LostError(self._line(f"the sandbox failed: {execution.error.name}: {execution.error.value}"))
        return "".join(execution.logs.stdout)

    async def kill(self, sandbox: str) -> None:
        """End a sandbox; one that is gone already is no error.

        Raises:
            RefusedError, BusyError: As for `create`.
        """
        try:
            await self._boxes.kill(sandbox, **self._call())
        except Exception as error:  # noqa: BLE001
            raise self._meaning_of(error) from None

    async def find(self, metadata: dict[str, str]) -> list[Found]:
        """All sandboxes with this metadata.

        Raises:
            RefusedError, BusyError: As for `create`.
        """
        found: list[Found] = []
        try:
            pages = self._boxes.list(query=self._e2b.SandboxQuery(metadata=metadata), **self._call())
            while pages.has_next:
                found += [Found(box.sandbox_id, box.metadata) for box in await pages.next_items()]
        except Exception as error:  # noqa: BLE001
            raise self._meaning_of(error) from None
        # a service that looks at no metadata would have us end what is somebody else's
        return [one for one in found if metadata.items() <= one.metadata.items()]

    def _call(self) -> dict[str, Any]:
        # we keep to a rate of creations, which retries of the client's own would exceed
        return {"api_key": self._key.get_secret_value(), "retries": 0, "request_timeout": _REQUEST_SECONDS}

    def _meaning_of(self, error: Exception) -> Exception:
        refused = isinstance(error, self._e2b.AuthenticationException)
        if refused or getattr(error, "status_code", None) in _NEVER_ACCEPTED:
            return RefusedError(f"E2B refuses {'the key' if refused else 'the request'}: {self._told(error)}")
        return BusyError(self._told(error))

    def _told(self, error: Exception) -> str:
        return self._line(f"{type(error).__name__}: {error}")

    def _line(self, text: str) -> str:
        """What somebody else said in one short line, without the key wherever it may have been repeated."""
        return " ".join(text.split()).replace(self._key.get_secret_value(), "…")[:300]
