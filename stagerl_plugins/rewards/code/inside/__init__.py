"""What runs in a sandbox beside a response's program: standard library only, put together as text by `programs`."""
