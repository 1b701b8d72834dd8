"""Verdicts on files of responses, and where two verifiers disagree."""
