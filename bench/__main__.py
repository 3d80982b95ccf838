"""`python -m bench`."""

from __future__ import annotations

import signal
import sys

from bench.run import main

if __name__ == "__main__":
    # As Ctrl-C does: what runs is ended and what was made is removed on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
