"""Which verl this package was made for. Seams were read and tested in these versions alone."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from stagerl_plugins.errors import UserError

VERL_VERSIONS = ("0.9.1",)


def check_versions() -> None:
    """Refuse a verl that the seams were not tested with.

    Raises:
        UserError: verl is missing or of another version.
    """
    try:
        found = version("verl")
    except PackageNotFoundError:
        raise UserError("verl is not installed: pip install 'stagerl-plugins[gpu]' (or [cpu])") from None
    if found not in VERL_VERSIONS:
        raise UserError(f"verl {found} is installed, stagerl-plugins works with {', '.join(VERL_VERSIONS)}: pin it")
