"""Pass@1 on held-out problems, with intervals."""
