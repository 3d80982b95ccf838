"""The command line: one verb, one file. Verbs are loaded only when they are called."""
