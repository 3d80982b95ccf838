"""The replications of the configuration as the state knows them: by the places that they connect."""

from __future__ import annotations

from brigade.control.status import Known
from brigade.wiring.routes import sections, work_of
from brigade.wiring.wiring import Wiring


def configured(wiring: Wiring) -> list[Known] | None:
    """Each replication of the configuration with its identity; None where there is no configuration."""
    if wiring.loaded is None:
        return None
    found = []
    for name, section in sections(wiring):
        is_wild = wiring.place(section.source, directory=wiring.loaded.directory).is_wildcard
        found.append(Known(name, None if is_wild else work_of(wiring, name, section).identity))
    return found
