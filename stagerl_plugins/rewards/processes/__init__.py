"""Processes that make verdicts: forked warm, asked one response at a time, killed from outside."""
