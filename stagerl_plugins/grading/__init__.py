"""Pass rates of problems, measured offline with vLLM."""
