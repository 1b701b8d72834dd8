"""The failure of a contract test."""

from __future__ import annotations


class ContractError(AssertionError):
    """A plugin breaks the contract. The one line names the plugin and says what it must do instead."""
