"""Built-in gates: a file each."""
