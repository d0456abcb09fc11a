"""Studies: controllers that ask and are told, run on many tasks and seeds, and compared."""
