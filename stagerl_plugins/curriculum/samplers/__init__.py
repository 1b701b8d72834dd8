"""Built-in samplers: a file each."""
