"""Batches of signatures, hashes and votes on a GPU; nothing here runs unless it is asked for."""
