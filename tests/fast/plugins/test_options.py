"""What a validator of a plugin's options does wrong is told in one line, like all that a plugin does wrong."""

import pytest

from stagerl_plugins.config import parse_options
from stagerl_plugins.errors import PluginError, UserError

PACKAGE = """
from pydantic import field_validator

class Shares(Options):
    share: float = 0.5

    @field_validator("share")
    @classmethod
    def _sensible(cls, share):
        if share > 1:
            raise ValueError("a share is at most 1")
        if share < 0:
            raise UserError("share: what is less than nothing?")
        return {0.5: "half"}[share]

@hookimpl
def register_samplers(register):
    register("by_share", Sampler, Shares)
"""


def refusal(site, share):
    """Which error a configuration with this share is, and what it says."""
    site.install("acme", PACKAGE, version="1.2")
    with pytest.raises((PluginError, UserError)) as caught:
        parse_options(site.load("acme"), "sampler", {"by_share": {"share": share}}, "sampler")
    return caught.type, str(caught.value)


def test_a_validator_refuses_with_a_value_error(site):
    assert refusal(site, 1.5) == (UserError, "sampler.by_share.share: a share is at most 1, got 1.5")


def test_or_with_a_user_error(site):
    assert refusal(site, -1) == (UserError, "sampler.by_share: share: what is less than nothing?")


def test_what_it_raises_otherwise_is_the_plugin_s_and_told_with_its_place(site):
    place = f"({site.folder / 'acme.py'}:16)"
    expected = f"sampler.by_share: sampler 'by_share' of acme 1.2: its options raised KeyError(0.7) {place}"
    assert refusal(site, 0.7) == (PluginError, expected)
