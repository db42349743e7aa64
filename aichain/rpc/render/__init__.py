"""Domain values as results: amounts are decimal strings, bytes are 0x hex."""
