"""Built-in stage policies: a file each."""
