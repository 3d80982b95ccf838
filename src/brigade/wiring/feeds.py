"""The units of the feeds: one webhook for all stores, one for the queue of each store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from brigade.changes.base import Intake, Routes
from brigade.config.feeds import WebhookSection, path_of
from brigade.config.replications import LiveMode
from brigade.config.stores import S3Section
from brigade.control.hearing import counted, hear
from brigade.control.units import Unit
from brigade.wiring.following import Marks
from brigade.wiring.heard import Heard, heard_of
from brigade.wiring.s3 import s3_settings
from brigade.wiring.scene import Scene
from brigade.wiring.tls import load_certificate, server_tls

if TYPE_CHECKING:
    from ssl import SSLContext

    from brigade.changes.sqs import SqsFeed
    from brigade.changes.sqs_queue import SqsSettings
    from brigade.changes.webhook import Webhook, WebhookSettings
    from brigade.config.feeds import QueueSection
    from brigade.stores.s3.settings import S3Settings


async def feed_units(scene: Scene, numbers: Mapping[str, int]) -> list[Unit]:
    """The feeds that the replications ask for. Raises `ConfigError` for one that could not work, and `StateError`."""
    units: list[Unit] = []
    posted = await heard_of(scene, numbers, LiveMode.WEBHOOK)
    if posted and scene.config.webhook is not None:
        units.append(WebhookUnit(scene, scene.config.webhook, posted))
    for store, heard in (await heard_of(scene, numbers, LiveMode.SQS)).items():
        section = scene.config.stores[store]
        assert isinstance(section, S3Section)
        units.append(QueueUnit(scene, store, section, heard))
    return units


class WebhookUnit(Unit):
    """Takes what stores post. Only another address, or TLS where there was none, makes it begin anew."""

    def __init__(self, scene: Scene, section: WebhookSection, heard: Mapping[str, Heard]) -> None:
        super().__init__("webhook", (section.listen, section.tls is not None))
        self._scene = scene
        self._section = section
        self._heard = heard
        self._settings = _webhook_settings(section)
        self._intakes: dict[str, Intake] = {}
        self._webhook: Webhook | None = None
        self._tls: SSLContext | None = None

    async def run(self, stop: asyncio.Event) -> None:
        from brigade.changes.webhook import Webhook

        scene, section = self._scene, self._section
        if section.tls is not None:
            self._tls = server_tls(section.tls, scene.directory, where="webhook.tls")
        paths = self._subscribed()
        self._webhook = Webhook(replace(self._settings, ssl=self._tls), paths, scene.clock)
        serving = self._webhook.run(self._tell_address)
        await hear(serving, self._intakes, clock=scene.clock, tell=scene.voice.trouble, stop=stop)
        for name, intake in self._intakes.items():
            scene.voice.started(f"{name}: {counted(intake.counts)}")

    async def refresh(self, newer: Unit) -> None:
        assert isinstance(newer, WebhookUnit)
        section = newer._section  # noqa: SLF001  (another of ours)
        if self._tls is not None and section.tls is not None:
            load_certificate(self._tls, section.tls, self._scene.directory, where="webhook.tls")
        # From here on nothing fails: what is refused changes nothing.
        self._scene, self._section = newer._scene, section  # noqa: SLF001
        self._heard, self._settings = newer._heard, newer._settings  # noqa: SLF001
        if self._webhook is not None:
            self._webhook.update(replace(self._settings, ssl=self._tls), self._subscribed())

    def _subscribed(self) -> dict[str, Intake]:
        """The intake of each path. One that is there takes over its routes and keeps its counts."""
        names = {store: f"webhook of {store}" for store in self._heard}
        for name in self._intakes.keys() - names.values():
            del self._intakes[name]
        for store, heard in self._heard.items():
            if (intake := self._intakes.get(names[store])) is not None:
                intake.resubscribe(heard.subscriptions, heard.arrivals)
            else:
                self._intakes[names[store]] = _intake(self._scene, heard, LiveMode.WEBHOOK, store)
        return {path_of(store): self._intakes[name] for store, name in names.items()}

    def _tell_address(self, host: str, port: int) -> None:
        at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        scheme = "http" if self._tls is None else "https"
        paths = ", ".join(map(path_of, self._heard))
        self._scene.voice.started(f"webhook: listens on {scheme}://{at} for {paths}")


class QueueUnit(Unit):
    """Drains the queue of one store. Other credentials, or another queue, make it begin anew."""

    def __init__(self, scene: Scene, store: str, section: S3Section, heard: Heard) -> None:
        super().__init__(f"queue {store}", section)
        self._scene = scene
        self._store = store
        self._section = section
        self._heard = heard
        self.intake = _intake(scene, heard, LiveMode.SQS, store)

    async def run(self, stop: asyncio.Event) -> None:
        scene, name = self._scene, f"queue of {self._store}"
        feed = self._feed()
        scene.voice.started(f"{name}: takes events from {_queue(self._section).url}")
        await hear(feed.run(), {name: self.intake}, clock=scene.clock, tell=scene.voice.trouble, stop=stop)
        scene.voice.started(f"{name}: {counted(self.intake.counts)}")

    async def refresh(self, newer: Unit) -> None:
        assert isinstance(newer, QueueUnit)
        self._heard = newer._heard  # noqa: SLF001  (another of ours)
        self.intake.resubscribe(self._heard.subscriptions, self._heard.arrivals)

    def settings(self) -> SqsSettings:
        """How the queue is asked."""
        return _queue_settings(self._section, self._store_settings())

    def _store_settings(self) -> S3Settings:
        base, environment = self._scene.directory, self._scene.wiring.environment
        return s3_settings(self._store, "*", self._section, directory=base, environment=environment)

    def _feed(self) -> SqsFeed:
        from brigade.changes.sqs import SqsFeed
        from brigade.changes.sqs_queue import SqsQueue
        from brigade.stores.s3.credentials import credential_source

        settings, clock = self.settings(), self._scene.clock
        queue = SqsQueue(settings, credential_source(self._store_settings(), clock), clock)
        return SqsFeed(settings, queue, self.intake, clock)


def _intake(scene: Scene, heard: Heard, kind: LiveMode, store: str) -> Intake:
    intake = Intake(Routes(heard.subscriptions), Marks(scene.state, live=True), newcomers=heard.arrivals)
    intake.counts = scene.meters.feed(kind, store)
    return intake


def _webhook_settings(section: WebhookSection) -> WebhookSettings:
    from brigade.changes.webhook import WebhookSettings

    host, port = section.listen
    return WebhookSettings(host=host, port=port, secrets=tuple(section.secrets), topics=tuple(section.topics))


def _queue_settings(section: S3Section, store: S3Settings) -> SqsSettings:
    from brigade.changes.sqs_queue import SqsSettings
    from brigade.stores.s3.opening import is_aws, tls_of

    queue = _queue(section)
    return SqsSettings(
        queue.url,
        # Addresses of AWS tell the region; others are where their store is.
        region=queue.region or (None if is_aws(queue.url) else section.region),
        ssl=tls_of(store) if queue.url.startswith("https") else None,
        wait_seconds=int(queue.wait),
        visibility_seconds=None if queue.visibility is None else int(queue.visibility),
        poison_receives=queue.poison_receives,
        pollers=queue.pollers,
    )


def _queue(section: S3Section) -> QueueSection:
    assert section.queue is not None, "the configuration was checked"
    return section.queue
