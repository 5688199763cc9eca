"""The edge: the only rooms with I/O, in small files that do nothing else."""
