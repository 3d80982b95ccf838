"""Composition: the only place that names concrete stores. It builds and reads; opening is the use case's turn."""
