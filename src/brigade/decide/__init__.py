"""Pure decisions: no await, no clock, no third-party import. Everything here can be tested by a table."""
