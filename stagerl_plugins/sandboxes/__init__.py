"""Sandboxes: where untrusted programs run."""
