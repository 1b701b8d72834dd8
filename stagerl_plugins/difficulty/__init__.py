"""Built-in difficulty metrics, and the rules that make levels of pass rates."""
