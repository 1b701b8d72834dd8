"""Sandbox `e2b`: programs run in the cloud of E2B."""
