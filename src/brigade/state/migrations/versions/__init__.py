"""One file per schema version, named after it."""
