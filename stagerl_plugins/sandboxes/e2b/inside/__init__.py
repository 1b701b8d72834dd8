"""What runs inside of E2B's sandboxes: the standard library alone, and the source is sent as text."""
