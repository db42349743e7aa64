"""The running node: services around the pure cores, wired in `assemble`, started in `run`."""
