"""Contract tests that plugin authors run on their own plugins."""
