"""Brigade and its peers, measured in turn on the same servers and the same data: `make bench`."""
