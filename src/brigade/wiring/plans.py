"""The configuration as the use cases of operators see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brigade.config.load import Loaded
from brigade.control.desk import Desk
from brigade.control.sealing import Sealer
from brigade.control.status import Known
from brigade.control.work import Work
from brigade.errors import ConfigError
from brigade.state.control_rows import Document, DocumentKind
from brigade.state.state import State
from brigade.wiring.known import configured
from brigade.wiring.merging import merge, sealer_of, section_of
from brigade.wiring.routes import sections, work_of
from brigade.wiring.wiring import Wiring


class ConfiguredPlans:
    """See `brigade.control.desk.Plans`."""

    def __init__(self, wiring: Wiring, file: Loaded) -> None:
        self._wiring = wiring
        self._file = file

    def of_file(self, kind: DocumentKind) -> Mapping[str, Mapping[str, Any]]:
        return section_of(self._file.values, kind)

    def problems(self, documents: Sequence[Document]) -> Mapping[tuple[DocumentKind, str], str]:
        return merge(self._wiring, self._file, documents).problems

    def sealer(self) -> Sealer:
        return sealer_of(self._file)

    def known(self, documents: Sequence[Document]) -> list[Known]:
        return configured(self._merged(documents)) or []

    def work(self, name: str, settings: Mapping[str, Any], documents: Sequence[Document]) -> Work:
        candidate = Document(DocumentKind.REPLICATION, name, settings, 1, 0, "")
        merged = merge(self._wiring, self._file, [*documents, candidate])
        if (words := merged.problems.get((candidate.kind, name))) is not None:
            raise ConfigError(words)
        wiring = self._wiring.renewed(merged.loaded)
        return work_of(wiring, name, dict(sections(wiring))[name])

    def _merged(self, documents: Sequence[Document]) -> Wiring:
        return self._wiring.renewed(merge(self._wiring, self._file, documents).loaded)


def desk(wiring: Wiring, state: State, actor: str) -> Desk:
    """The seat of somebody at the machine itself."""
    assert wiring.loaded is not None
    return Desk(state, wiring.clock, ConfiguredPlans(wiring, wiring.loaded), actor)
