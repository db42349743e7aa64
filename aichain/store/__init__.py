"""What this node keeps on disk: state and pointers in LevelDB, bodies in segments, the WAL."""
