"""One live replication under siege: real stores, faulty networks, mortal processes, forgetful events, and a model.

Clients write through the gateway and behind its back, and the model keeps what they were told. In the calm phase that
ends every story both sides must be equal, the backlog empty, and what was acknowledged must be there.
"""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from brigade.clock import SystemClock
from brigade.state.state import State
from brigade.testing.background import Background
from brigade.testing.buckets import Bucket
from brigade.testing.command import Command
from brigade.testing.fleet import BacklogRow, EventFeed, Fleet, StateWindow
from brigade.testing.processes import free_port
from brigade.testing.promises import Change, Promise, Value, digest, look, to
from brigade.testing.proxy import FaultProxy, ProxyAction, ProxyFault
from brigade.testing.servers import Endpoint, Server

CLIENT = ("client", "client-secret")
ALWAYS = "always there"
WORKERS = ("worker-1", "worker-2")
GATEWAY = "gateway"

_IDLE_TIMEOUT = "2s"
_CALM_SECONDS = 45.0
_HOUR_SECONDS = 3600.0
_LONG_RUN = re.compile(r"(.)\1{20,}").sub
_FOREVER = 10**9


class Stage:
    """What stories share: two servers' endpoints behind proxies, and the gateway's port."""

    def __init__(self, background: Background, source: Server, target: Server) -> None:
        self.background = background
        self.source = source
        self.target = target
        self.before = {
            "source": background.enter(FaultProxy(source.endpoint.url)),
            "target": background.enter(FaultProxy(target.endpoint.url)),
        }
        self.gateway_port = free_port()

    def set_faults(self, side: str, *faults: ProxyFault) -> None:
        """These faults and no others."""
        proxy = self.before[side]

        def change() -> None:
            proxy.faults[:] = faults

        self.background.call(change)

    def add_fault(self, side: str, fault: ProxyFault) -> None:
        """One more fault."""
        self.background.call(lambda: self.before[side].add(fault))


class World:
    """One story. `reconciles` False: until the calm phase only the backlog can bring anything to the target.

    With `delete` "tracked" an object may be left at the target that is gone at the source: a process that dies between
    a copy and its record leaves an object that nobody knows to be ours.
    """

    def __init__(
        self, stage: Stage, directory: Path, state: str | None, *, reconciles: bool, delete: str, every: str
    ) -> None:
        self.stage = stage
        self.clock = SystemClock()
        self.journal: list[str] = []
        self.promises: dict[str, Promise] = {}
        self.unheard: set[str] = set()
        self.drifted: set[str] = set()
        self.events: list[str] = []
        self.uploads: list[tuple[str, str, str, dict[str, Any]] | None] = []
        self._reconciles = reconciles
        self._is_on_one_machine = state is None
        self._leaves_extra = delete == "tracked"
        self._began_seconds = self.clock.monotonic_seconds()
        self.source = Bucket(stage.source.endpoint, stage.source.make_bucket("live"))
        self.target = Bucket(stage.target.endpoint, stage.target.make_bucket("live"))
        self.source.put(ALWAYS, b"so that the source is never empty", ContentType="text/plain")
        self.promise(ALWAYS).possible = {look(self.source, ALWAYS)}
        self.unheard.add(ALWAYS)
        self.command = Command(directory)
        if state is not None:
            self.command.state = state
        self._configure(delete, every)
        self.fleet = Fleet(self.command)
        self.through = self._client_of_gateway()
        url = state or f"sqlite:///{self.command.state}"
        self.window = StateWindow(url)
        self.state = stage.background.run(State.open(url, clock=self.clock))

    def begin(self) -> None:
        """All are up, and the first events may come."""
        self._calm_network(reconciles=self._reconciles)
        for name in (GATEWAY, *WORKERS):
            self.start(name)
        self.feed = EventFeed(self.state, self.window.number(), self.source.name)

    def _configure(self, delete: str, every: str) -> None:
        before = {side: proxy.url for side, proxy in self.stage.before.items()}
        command = self.command
        a = command.reach("a", self.source, url=before["source"], idle_timeout=_IDLE_TIMEOUT)
        b = command.reach("b", self.target, url=before["target"], idle_timeout=_IDLE_TIMEOUT)
        keys = [{"access_key": CLIENT[0], "secret_key": CLIENT[1]}]
        listen = f"127.0.0.1:{self.stage.gateway_port}"
        command.gateway = {"listen": listen, "store": "a", "users": {"ann": {"keys": keys}}}
        options = {"delete": delete, "max_delete": "100%", "transfers": 4}
        command.replications = {"all": {"source": a, "target": b, "live": ["gateway"], "reconcile": every, **options}}
        command.write_config()

    def _client_of_gateway(self) -> Bucket:
        at = self.stage.source.endpoint
        url = f"http://127.0.0.1:{self.stage.gateway_port}"
        through = Bucket(Endpoint("gateway", url, at.region, *CLIENT), self.source.name)
        through.client.close()
        # Each request once: what failed once is unknown.
        through.client = through.endpoint.client(retries=0)
        return through

    def note(self, words: str) -> None:
        """Take down what happened, for whoever must find out why."""
        at_seconds = self.clock.monotonic_seconds() - self._began_seconds
        short = _LONG_RUN(r"\1…", words)
        self.journal.append(f"{at_seconds:8.3f} {short}")

    # What clients do.

    def promise(self, key: str) -> Promise:
        return self.promises.setdefault(key, Promise())

    def change(
        self,
        changes: dict[str, Change],
        call: Callable[[Bucket], Any],
        *,
        behind: bool,
        words: str,
        missing: str = "refused",
    ) -> Any | None:
        """A client's request that changes keys; gives the answer, None if there was none or no success.

        `missing`: what a 404 means of the change.
        """
        bucket = self.source if behind else self.through
        if behind:
            # Before the fact: a key that changes behind the gateway is known to nobody until its event comes.
            self.unheard |= changes.keys()
            self.events += changes
        began_seconds = self.clock.monotonic_seconds()
        answer, told = _asked(lambda: call(bucket), missing)
        ended_seconds = self.clock.monotonic_seconds()
        self.note(f"{'behind' if behind else 'through'}: {words}: {told}")
        failed = _failed(answer)
        for key, change in changes.items():
            if told == "ok" and key not in failed:
                self.promise(key).acknowledged(change, began_seconds)
                if not behind:
                    self.unheard.discard(key)
            elif told.startswith("unknown") or key in failed:
                self.promise(key).unknown(change, ended_seconds)
        return answer

    def crowd(self, writes: Sequence[tuple[str, Value, bytes, dict[str, Any]]], victim: str | None) -> None:
        """Clients that write at once through the gateway, some of them to the same key; somebody may die meanwhile."""
        began_seconds = self.clock.monotonic_seconds()

        def write(item: tuple[str, Value, bytes, dict[str, Any]]) -> str:
            key, value, body, more = item
            bucket = self.through
            return _asked(lambda: bucket.delete(key) if value is None else bucket.put(key, body, **more))[1]

        with ThreadPoolExecutor(len(writes)) as pool:
            answers = [pool.submit(write, item) for item in writes]
            if victim:
                self.fleet.kill(victim)
            told = [answer.result() for answer in answers]
        ended_seconds = self.clock.monotonic_seconds()
        words = ", ".join(f"{key!r} {len(body)} {each}" for (key, _, body, _), each in zip(writes, told, strict=True))
        self.note(f"at once, killing {victim}: {words}")
        for key in {item[0] for item in writes}:
            mine = [(value, words) for (each, value, *_), words in zip(writes, told, strict=True) if each == key]
            if sure := {value for value, words in mine if words == "ok"}:
                self.promise(key).one_of(sure, began_seconds)
                self.unheard.discard(key)
            for value, words in mine:
                if words.startswith("unknown"):
                    self.promise(key).unknown(to(value), ended_seconds)

    def read(self, key: str) -> None:
        """Reads through the gateway give what may be there, or fail."""
        answer, told = _asked(lambda: digest(self.through.get(key)))
        self.note(f"read {key!r}: {told}")
        possible = self.promise(key).possible
        if told == "ok":
            assert answer in {value.digest for value in possible if value is not None}, f"{key!r} was read wrong"
        elif told == "refused 404":
            assert None in possible, f"{key!r} was not found, and is one of {possible}"

    def deliver(self, keys: Sequence[str]) -> None:
        """Events of changes behind the gateway arrive."""
        if keys:
            self.note(f"events: {keys}")
            self.stage.background.run(self.feed.deliver(list(keys)))
            self.unheard -= set(keys)

    def drift(self, key: str, body: bytes | None) -> None:
        """Somebody else changes the target: only a reconcile can see that."""
        self.note(f"at the target {key!r} becomes {None if body is None else len(body)}")
        self.drifted.add(key)
        if body is None:
            self.target.delete(key)
        else:
            self.target.put(key, body)

    # What befalls the processes.

    def start(self, name: str) -> None:
        self.note(f"start {name}")
        self.fleet.start(name, "gateway" if name == GATEWAY else "worker")

    def kill(self, name: str) -> None:
        self.note(f"kill {name}")
        self.fleet.kill(name)

    def freeze(self, name: str) -> None:
        """A machine that does nothing until all leases have ended, and then goes on as if it had not been away."""
        self.note(f"freeze {name}")
        self.fleet.freeze(name)
        if not self.window.pass_time(_HOUR_SECONDS):
            if self._is_on_one_machine:
                # Whoever is suspended while he has locked a file stops all others for as long.
                self.thaw()
            else:
                # A server ends such transactions.
                self._until(lambda: self.window.pass_time(_HOUR_SECONDS), lambda: f"{name} has locked the backlog")

    def thaw(self) -> None:
        self.note(f"go on: {self.fleet.thaw()}")

    def restart(self, name: str) -> None:
        """In good order, if it is up."""
        if self.fleet.is_up(name):
            self.note(f"restart {name}")
            self._end(name)
            self.start(name)

    def fault(self, side: str, fault: ProxyFault) -> None:
        self.note(f"fault {side} {fault.call} {fault.action} number {fault.number} times {fault.times}")
        self.stage.add_fault(side, fault)

    def pause(self, seconds: float) -> None:
        """Let them work for a while."""
        self.stage.background.run(self.clock.sleep(seconds))

    def _calm_network(self, *, reconciles: bool) -> None:
        # Whole pages of the target are what only a reconcile asks for.
        denied = ProxyFault(
            "list_page", ProxyAction.RESPOND, target="max-keys=1000", times=_FOREVER, status=403, code="AccessDenied"
        )
        self.stage.set_faults("source")
        self.stage.set_faults("target", *(() if reconciles else (denied,)))

    # The end of the story.

    def calm(self) -> None:
        """Nobody writes, nothing fails, all are up: what was noted is at the target; then all of it is."""
        self.note("calm")
        self.fleet.thaw()
        self._calm_network(reconciles=self._reconciles)
        self._restart()
        self._check_source()
        if not self._reconciles:
            heard = self.promises.keys() - self.unheard - self.drifted
            self._until(lambda: not self._differing(heard), lambda: f"noted, but not copied: {self._differing(heard)}")
            self._drain()
            self._calm_network(reconciles=True)
            self.note("reconciles may work")
            self._restart()
        keys = self.promises.keys()
        self._until(lambda: not self._differing(keys), lambda: f"not in step: {self._differing(keys)}")
        self._drain()
        assert not self._differing(keys), f"no longer in step: {self._differing(keys)}"
        extra = set(self.target.keys()) - set(self.source.keys())
        assert self._leaves_extra or not extra, f"extra at the target: {extra}"
        self._until(lambda: not self.target.uploads(), lambda: f"uploads are left: {self.target.uploads()}")
        self._end_all()

    def _restart(self) -> None:
        """A restart in good order of those that live, and a start of the others; pauses have ended."""
        self._end_all()
        self.window.pass_time(_HOUR_SECONDS)
        for name in (GATEWAY, *WORKERS):
            self.start(name)

    def _end(self, name: str) -> None:
        code = self.fleet.stop(name)
        self.note(f"{name} ended with {code}")
        assert code == 0, f"{name} ended with {code}"

    def _end_all(self) -> None:
        for name in self.fleet.up():
            self._end(name)
        assert "Traceback" not in self.fleet.words()
        assert "unexpected" not in self.fleet.words()

    def _check_source(self) -> None:
        for key, promise in self.promises.items():
            actual = look(self.source, key)
            assert actual in promise.possible, f"{key!r} is {actual} at the source, not one of {promise.possible}"

    def _differing(self, keys: Any) -> dict[str, tuple[Value, Value]]:
        looks = {key: (look(self.source, key), look(self.target, key)) for key in sorted(keys)}
        return {
            key: (here, there)
            for key, (here, there) in looks.items()
            if here != there and not (here is None and self._leaves_extra)
        }

    def _drain(self) -> None:
        """Nothing is left on the backlog, once every pause is over."""

        def is_empty() -> bool:
            left = [row for row in self.window.rows() if not self._is_conflict(row)]
            if left and self.window.is_idle():
                self.window.pass_time(_HOUR_SECONDS)
            return not left

        self._until(is_empty, lambda: f"left on the backlog: {self.window.rows()}")

    def _is_conflict(self, row: BacklogRow) -> bool:
        return self._leaves_extra and row.is_parked and "changed at the target" in (row.error or "")

    def _until(self, met: Callable[[], bool], words: Callable[[], str]) -> None:
        end_seconds = self.clock.monotonic_seconds() + _CALM_SECONDS
        while not met():
            assert self.clock.monotonic_seconds() < end_seconds, words()
            self.pause(0.1)

    def told(self) -> str:
        """All that happened, for a failure."""
        return "\n".join(["", *self.journal, self.fleet.words()])

    def close(self) -> None:
        """Leave nothing behind but the buckets, which go with their servers."""
        self.fleet.close()
        self.stage.background.run(self.state.close())
        self.window.close()
        for bucket in (self.source, self.target, self.through):
            bucket.close()


def new_state_name() -> str:
    """A name for a database of one story."""
    return f"live_{secrets.token_hex(4)}"


def failure_under_way() -> bool:
    """Whether an exception is on its way, in which case a story need not be told to its end."""
    return sys.exc_info()[1] is not None


def _failed(answer: Any) -> set[str]:
    """The keys that a bulk deletion could not delete."""
    errors = answer.get("Errors", ()) if isinstance(answer, dict) else ()
    return {error["Key"] for error in errors}


def _asked(call: Callable[[], Any], missing: str = "refused") -> tuple[Any | None, str]:
    """An answer and what it means: ok, refused (nothing happened), or unknown."""
    try:
        return call(), "ok"
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status >= 500:
            return None, f"unknown {status}"
        if status != 404:
            raise
        return None, f"{missing} {status}"
    except EndpointConnectionError:
        return None, "refused: nobody listens"
    except (BotoCoreError, OSError) as error:
        return None, f"unknown: {type(error).__name__}"
