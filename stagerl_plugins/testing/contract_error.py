"""The failure of a contract test."""

from __future__ import annotations

from stagerl_plugins.errors import one_line


class ContractError(AssertionError):
    """A plugin breaks the contract. The one line names the plugin and says what it must do instead."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))
