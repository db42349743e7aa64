"""A node of a chain with two lanes: the same services around another core."""
