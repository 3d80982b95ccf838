"""Brigade keeps object stores in step, proves it, and spills nothing."""

__version__ = "0.1.0"
