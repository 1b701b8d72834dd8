"""For all tests: machines are shared and noisy, so no property test fails by its time."""

from hypothesis import settings

settings.register_profile("shared_machine", deadline=None)
settings.load_profile("shared_machine")
