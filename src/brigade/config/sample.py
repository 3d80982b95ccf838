"""The configuration that `brigade config init` writes: small, right, and explained."""

from __future__ import annotations

from collections.abc import Mapping

_HEAD = """\
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
"""

# The target, by the type of its store.
_TARGETS: Mapping[str, str] = {
    "s3": """\
  new:
    type: s3
    endpoint: https://s3.new.example
    access_key: ${NEW_ACCESS_KEY}
    secret_key: ${NEW_SECRET_KEY}
""",
    "gcs": """\
  new:
    type: gcs
    # Without credentials it is what Google's tools would use: `gcloud auth application-default login`, or the machine's.
    credentials: ${NEW_SERVICE_ACCOUNT}     # the JSON text of a service account; or credentials_file: /path
    project: my-project                     # where buckets are made and listed
""",
    "azure": """\
  new:
    type: azure
    account: newaccount
    key: ${AZURE_STORAGE_KEY}
    # Or `sas` or `connection_string`; with none of them it is what `az login`, or a managed identity of this machine, may do.
    # metadata_names: encode   # carry names of metadata that Azure does not take, such as two-words
""",
    "swift": """\
  new:
    type: swift
    auth_url: https://keystone.example/v3   # or Swift's own log-in: https://swift.example/auth/v1.0 with account:user
    user: me
    key: ${OS_PASSWORD}
    project_name: my-project
    region: RegionOne
""",
}

_REST = """\

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

SAMPLED = tuple(_TARGETS)
"""The types of stores that there is a sample for."""


def sample(store: str = "s3") -> str:
    """The configuration whose target is a store of this type."""
    return _HEAD + _TARGETS[store] + _REST
