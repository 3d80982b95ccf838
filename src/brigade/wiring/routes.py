"""The replications of the configuration as works: wildcards spelled out, overlaps refused before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from brigade.config.replications import ReplicationSection
from brigade.control.work import Work
from brigade.decide.layout import hashed_prefix
from brigade.decide.overlap import Route, overlaps, refuse_routes
from brigade.errors import BrigadeError, ConfigError
from brigade.locations import Place
from brigade.wiring.helpers import Options
from brigade.wiring.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Failed:
    """A replication that could not even be made ready, and why."""

    name: str
    error: BrigadeError


def check_routes(wiring: Wiring) -> list[str]:
    """Every pair of replications that could write one key, and every one that overlaps itself."""
    works = [work_of(wiring, name, section) for name, section in sections(wiring) if not is_wild(wiring, section)]
    return refuse_routes([_route(work) for work in works])


async def ready_works(wiring: Wiring, names: Sequence[str] = ()) -> list[Work | Failed]:
    """The replications of these names, all if none is given. Raises `ConfigError` for overlaps and unknown names.

    A wildcard becomes one work for each bucket that its source has now; target buckets are made. A bucket that another replication of
    the configuration writes to is left to that one.
    """
    known = dict(sections(wiring))
    if unknown := [name for name in names if name not in known]:
        have = ", ".join(known) or "none"
        raise ConfigError(f"there is no replication {unknown[0]!r} in the configuration", hint=f"there are: {have}")
    if problems := check_routes(wiring):
        raise ConfigError(problems[0], hint=f"and {len(problems) - 1} more" if len(problems) > 1 else "")
    plain = {n: work_of(wiring, n, section) for n, section in known.items() if not is_wild(wiring, section)}
    wanted: list[Work | Failed] = []
    for name in names or known:
        if name in plain:
            wanted.append(plain[name])
        else:
            wanted += await _spelled_out(wiring, name, known[name], list(plain.values()))
    return wanted


async def _spelled_out(
    wiring: Wiring, name: str, section: ReplicationSection, taken: Sequence[Work]
) -> list[Work | Failed]:
    try:
        buckets = await wiring.buckets(_places(wiring, section)[0])
    except BrigadeError as error:
        return [Failed(name, error)]
    works = [bucket_work(wiring, name, section, bucket) for bucket in buckets]
    return [work for work in works if not any(overlaps(work.target_place, other.target_place) for other in taken)]


def bucket_work(wiring: Wiring, name: str, section: ReplicationSection, bucket: str) -> Work:
    """One bucket of a wildcard, with stores of its own."""
    source, target = _places(wiring, section)
    options = replace(_options(section), make_target=True, rate_of=name)
    work = wiring.work(
        source.of_bucket(bucket), target.of_bucket(bucket), section.policy(), options, name=f"{name}/{bucket}"
    )
    return replace(work, followed=bool(section.live))


def sections(wiring: Wiring) -> list[tuple[str, ReplicationSection]]:
    """The replications of the configuration by name."""
    return list(wiring.loaded.config.replications.items()) if wiring.loaded else []


def _places(wiring: Wiring, section: ReplicationSection) -> tuple[Place, Place]:
    base = wiring.loaded.directory if wiring.loaded else None
    source, target = wiring.place(section.source, directory=base), wiring.place(section.target, directory=base)
    if section.account is None:
        return source, target
    container = source.in_bucket()
    return source, target.inside(hashed_prefix(section.account, container.bucket) + container.prefix)


def is_wild(wiring: Wiring, section: ReplicationSection) -> bool:
    """True for a replication of whole stores."""
    return _places(wiring, section)[0].is_wildcard


def work_of(wiring: Wiring, name: str, section: ReplicationSection) -> Work:
    """A replication of the configuration that is no wildcard, with stores of its own."""
    work = wiring.work(*_places(wiring, section), section.policy(), _options(section), name=name)
    return replace(work, followed=bool(section.live))


def _options(section: ReplicationSection) -> Options:
    return Options(section.transfers, section.bandwidth, processes=section.processes)


def _route(work: Work) -> Route:
    return Route(work.name, work.source_place, work.target_place)
