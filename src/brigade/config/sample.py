"""The configuration that `brigade config init` writes: small, right, and explained."""

from __future__ import annotations

SAMPLE = """\
# The configuration of Brigade. `brigade config check` checks it, `brigade config schema` describes every key.

# Where Brigade remembers what it proved; a file in your home if left out.
# state: sqlite:///brigade.db

stores:
  old:
    type: s3
    endpoint: https://s3.old.example
    # Secrets stay out of this file: ${NAME} is an environment variable, ${file:/path} the text of a file.
    access_key: ${OLD_ACCESS_KEY}
    secret_key: ${OLD_SECRET_KEY}
  new:
    type: s3
    endpoint: https://s3.new.example
    access_key: ${NEW_ACCESS_KEY}
    secret_key: ${NEW_SECRET_KEY}

# `brigade run --once` runs them all; `brigade sync old:photos new:photos` needs none of them.
replications:
  photos:
    source: old:photos
    target: new:photos
    delete: no          # or tracked (what this replication wrote), or mirror (everything extra)
    max_delete: 10%     # a run that would delete more refuses to
    # reconcile: 6h     # `brigade run` compares both sides every so often,
    # live: [webhook]   # and follows each change: docs/live.md tells how
    filters:            # tried in order, the first that matches decides
      - exclude: tmp/**
"""
