"""All that touches verl."""
