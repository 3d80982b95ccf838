"""The configuration file: its keys, its units, and words for what is wrong with it."""
