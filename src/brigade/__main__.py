"""`python -m brigade`."""

from __future__ import annotations

import sys

from brigade.cli.main import main

sys.exit(main())
