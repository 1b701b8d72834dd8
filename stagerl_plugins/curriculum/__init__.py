"""The curriculum: pure Python and NumPy, no verl."""
