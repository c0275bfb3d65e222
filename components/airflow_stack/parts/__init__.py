"""Components: one per file, each with typed arguments."""
