"""A process that is forked for each program to run. Standard library only: it runs under any CPython, and nowhere else.

The host starts it as `from zygote.serve import main` with nothing but this folder's parent on the path.
"""
