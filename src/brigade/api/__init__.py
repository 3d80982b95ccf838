"""The control API: one face of the use cases in `brigade.control`."""
