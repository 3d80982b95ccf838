"""Whatever befalls a live replication, in a calm phase both sides are equal and nothing acknowledged was lost.

Real processes over real stores: clients write through the gateway and behind its back, the network to the stores
fails, processes are killed, events come late, twice or never. Hypothesis chooses the story.

`BRIGADE_SEED=77` tells the stories of that seed, as a failure names it. `make soak` tells many, each time others.
With `BRIGADE_TELL=1` and `-s` also those that end well are told.
"""

from __future__ import annotations

import os
import secrets
import unicodedata
from urllib.parse import quote, urlencode

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, Verbosity, assume, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from brigade.testing.available import absent
from brigade.testing.background import Background
from brigade.testing.bodies import pattern
from brigade.testing.live_world import ALWAYS, GATEWAY, WORKERS, Stage, World, failure_under_way
from brigade.testing.promises import copied, held, to, with_attributes, with_tags
from brigade.testing.proxy import ProxyAction, ProxyFault

pytestmark = pytest.mark.server

SOAK = int(os.environ.get("BRIGADE_SOAK", "0"))
# Of these seeds one story lets reconciles work and one does not, and much happens in each.
DEFAULT_SEEDS = {"sqlite": 5, "postgresql": 41}
SEED = int(os.environ.get("BRIGADE_SEED", "0")) or (secrets.randbelow(10**9) if SOAK else None)
TELLS = "BRIGADE_TELL" in os.environ
EXAMPLES = int(os.environ.get("BRIGADE_EXAMPLES", "0")) or max(2, SOAK // 5)
STEPS = int(os.environ.get("BRIGADE_STEPS", "0")) or (80 if SOAK else 40)

MEBIBYTE = 1024 * 1024
# What SeaweedFS keeps as it is; not `a/b` beside `a`, which it cannot hold together.
PLAIN_KEYS = [
    "a", "a-b", "a.b", "a0", "d/b", "sp ace", "plus+", "per%cent", "😀", "tab\t", "q?&=#",
    unicodedata.normalize("NFC", "ü-NFC"), unicodedata.normalize("NFD", "ü-NFD"), "/".join(["k" * 203] * 5) + "long",
]  # fmt: skip
ALL_KEYS = [*PLAIN_KEYS, "a//b", "/lead", "trail/", "a/b"]

SIZES = st.sampled_from([0, 1, 100, 5_000, 70_000, 1_200_000])
TAGS = st.sampled_from([{}, {"a": "1"}, {"a": "2", "ü b": "x+y/z"}])
ATTRIBUTES = st.fixed_dictionaries(
    {"ContentType": st.sampled_from(["text/plain", "application/json"])},
    optional={
        "CacheControl": st.just("no-store"),
        "ContentDisposition": st.just('attachment; filename="a b"'),
        "ContentLanguage": st.just("de"),
        "Metadata": st.sampled_from([{"v": "1"}, {"v": "2", "other": "x  y"}]),
    },
)
FAULTS = st.sampled_from(
    [
        {"action": ProxyAction.DELAY},
        {"action": ProxyAction.DELAY},
        {"action": ProxyAction.DELAY_ANSWER},
        {"action": ProxyAction.DELAY_ANSWER, "delay_seconds": 1.0},
        {"action": ProxyAction.RESPOND, "status": 503, "code": "SlowDown", "retry_after": "1"},
        {"action": ProxyAction.RESPOND, "status": 503, "code": "SlowDown"},
        {"action": ProxyAction.RESPOND, "status": 500},
        {"action": ProxyAction.DROP},
        {"action": ProxyAction.RESET_REQUEST},
        {"action": ProxyAction.RESET_REQUEST, "after_bytes": 50_000},
        {"action": ProxyAction.LOSE_ANSWER},
        {"action": ProxyAction.LOSE_ANSWER},
        {"action": ProxyAction.RESET_RESPONSE, "after_bytes": 10},
        {"action": ProxyAction.CUT_RESPONSE, "after_bytes": 10},
        {"action": ProxyAction.CUT_RESPONSE, "after_bytes": 40_000},
        {"action": ProxyAction.HANG_RESPONSE, "after_bytes": 10},
        {"action": ProxyAction.HANG},
        {"action": ProxyAction.HOLD_ANSWER},
    ]
)
# Which requests there are at all: workers read the source and write the target, the gateway writes the source.
CALLS = st.sampled_from(
    [
        *[("source", call) for call in ("*", "*", "put", "put", "head", "get", "delete", "complete_multipart")],
        *[("target", call) for call in ("*", "*", "put", "put", "put", "head", "copy", "delete", "write_tags")],
    ]
)
SLOW = [None, ("target", "put"), ("target", "put"), ("source", "read_tags")]
PROCESSES = [GATEWAY, *WORKERS]
MORTALITY = ["kill", "freeze", "kill", "restart", "start", "thaw"]
BACK = [True, True, True, False]
# By the frequency that they shall have.
REQUESTS = [
    "put", "put", "put_twice", "put_twice", "crowd", "crowd", "delete", "delete_many", "copy", "attributes", "attributes", "tags", "tags",
    "multipart", "read",
]  # fmt: skip


class Siege(RuleBasedStateMachine):
    """Every step is one request of a client or one blow of fate."""

    def __init__(self, stage: Stage, new_story) -> None:
        super().__init__()
        self.stage = stage
        self.new_story = new_story
        self.number = 0
        self.keys: list[str] = []
        self.steps: list[str] = []
        self.world: World | None = None

    @initialize(chance=st.integers(0, 10**6), data=st.data())
    def begin(self, chance, data):
        # Hypothesis begins with the simplest story of all, which is that nothing happens.
        assume(chance)
        self.keys = data.draw(st.lists(st.sampled_from(self.new_story.keys), min_size=3, max_size=6, unique=True))
        reconciles, every = data.draw(st.booleans()), data.draw(st.sampled_from(["once", "once", "1s"]))
        deleting = data.draw(st.sampled_from(["mirror", "mirror", "tracked"]))
        # Some flaws show only where nobody dies, or no store fails.
        faults, deaths = data.draw(st.sampled_from([4, 4, 4, 0])), data.draw(st.sampled_from([3, 3, 3, 0]))
        self.steps = [*REQUESTS, *["fault"] * faults, *MORTALITY[: 2 * deaths], "hear", "work", "work", "work"]
        if deleting == "mirror":
            self.steps.append("drift")
        self.world = self.new_story(self.stage, reconciles=reconciles, delete=deleting, every=every)
        self.world.begin()
        if slow := SLOW[chance % len(SLOW)]:
            # Whoever is at work on a key for long meets what is written meanwhile.
            side, call = slow
            self.world.fault(side, ProxyFault(call, ProxyAction.DELAY, times=10**9, delay_seconds=0.3))
        self.world.note(f"{self.keys}, reconciles {reconciles} {every}, delete {deleting}")

    # One rule for all that happens, because Hypothesis leaves whole rules out of a story.
    @rule(data=st.data())
    def step(self, data):
        getattr(self, f"_{data.draw(st.sampled_from(self.steps))}")(data)

    def key(self, data):
        return data.draw(st.sampled_from(self.keys))

    def behind(self, data):
        """Whether a request goes behind the gateway's back."""
        return data.draw(st.sampled_from([False, False, True]))

    def body(self, size):
        self.number += 1
        return pattern(size, self.number)

    def _put(self, data):
        self._put_to(self.key(data), data)

    def _put_twice(self, data):
        """The second time while somebody may be at work on the first."""
        key, pause = self.key(data), data.draw(st.sampled_from([0.0, 0.1, 0.2]))
        self._put_to(key, data)
        self.world.pause(pause)
        self._put_to(key, data)

    def _put_to(self, key, data):
        body = self.body(data.draw(SIZES))
        attributes, tags = data.draw(ATTRIBUTES), data.draw(TAGS)
        more = {**attributes, "Tagging": urlencode(tags, quote_via=quote)} if tags else attributes
        self.world.change(
            {key: to(held(body, attributes, tags))},
            lambda bucket: bucket.put(key, body, **more),
            behind=self.behind(data),
            words=f"put {key!r} {len(body)} bytes, number {self.number}",
        )

    def _crowd(self, data):
        writes = []
        for _ in range(data.draw(st.integers(2, 5))):
            key, size, attributes = (
                self.key(data),
                data.draw(st.sampled_from([None, 100, 70_000])),
                data.draw(ATTRIBUTES),
            )
            body = b"" if size is None else self.body(size)
            writes.append((key, None if size is None else held(body, attributes, {}), body, attributes))
        victim = data.draw(st.sampled_from([None, None, None, *PROCESSES]))
        self.world.crowd(writes, victim)
        if victim:
            self.world.start(victim)

    def _delete(self, data):
        key = self.key(data)
        self.world.change(
            {key: to(None)}, lambda bucket: bucket.delete(key), behind=self.behind(data), words=f"delete {key!r}"
        )

    def _delete_many(self, data):
        keys = data.draw(st.lists(st.sampled_from(self.keys), min_size=1, max_size=4, unique=True))
        self.world.change(
            {key: to(None) for key in keys},
            lambda bucket: bucket.client.delete_objects(
                Bucket=bucket.name, Delete={"Objects": [{"Key": key} for key in keys]}
            ),
            behind=self.behind(data),
            words=f"delete {keys}",
        )

    def _copy(self, data):
        one, other = self.key(data), self.key(data)
        if one == other:
            return
        there = set(self.world.promise(one).possible)
        self.world.change(
            {other: copied(there)},
            lambda bucket: bucket.client.copy_object(
                Bucket=bucket.name, Key=other, CopySource={"Bucket": bucket.name, "Key": one}
            ),
            behind=self.behind(data),
            words=f"copy {one!r} to {other!r}",
        )

    def _attributes(self, data):
        key, attributes = self.key(data), data.draw(ATTRIBUTES)
        self.world.change(
            {key: with_attributes(attributes)},
            lambda bucket: bucket.replace_metadata(key, **attributes),
            behind=self.behind(data),
            words=f"attributes of {key!r}: {attributes}",
        )

    def _tags(self, data):
        key, tags = self.key(data), data.draw(TAGS)
        self.world.change(
            {key: with_tags(tags)},
            lambda bucket: bucket.set_tags(key, **tags) if tags else bucket.remove_tags(key),
            behind=self.behind(data),
            words=f"tags of {key!r}: {tags}",
        )

    def _multipart(self, data):
        """An upload from beginning to end, each request as it goes; somebody may die in between."""
        key, attributes = self.key(data), data.draw(ATTRIBUTES)
        sizes = data.draw(st.sampled_from([(1,), (70_000,), (5 * MEBIBYTE, 1)]))
        victim = data.draw(st.sampled_from([None, None, *PROCESSES]))
        ends = data.draw(st.sampled_from(["complete", "complete", "complete", "abort", "never"]))
        parts = [self.body(size) for size in sizes]
        upload = Upload(self.world, key, behind=self.behind(data))
        if not upload.begin(attributes):
            return
        for number, part in enumerate(parts, 1):
            upload.part(number, part)
        if victim:
            self.world.kill(victim)
            self.world.start(victim)
        if ends == "complete" and len(upload.done) == len(parts):
            upload.complete(held(b"".join(parts), attributes, {}))
        elif ends == "abort":
            upload.abort()

    def _read(self, data):
        self.world.read(self.key(data))

    def _fault(self, data):
        side, call = data.draw(CALLS)
        number, times = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([1, 2, 5]))
        self.world.fault(side, ProxyFault(call, number=number, times=times, **data.draw(FAULTS)))

    def _kill(self, data):
        name, pause = data.draw(st.sampled_from(PROCESSES)), data.draw(st.sampled_from([0.0, 0.01, 0.1]))
        back = data.draw(st.sampled_from(BACK))
        self.world.pause(pause)
        self.world.kill(name)
        if back:
            self.world.start(name)

    def _freeze(self, data):
        self.world.freeze(data.draw(st.sampled_from(WORKERS)))

    def _thaw(self, data):
        self.world.thaw()

    def _restart(self, data):
        self.world.thaw()
        self.world.restart(data.draw(st.sampled_from(PROCESSES)))

    def _drift(self, data):
        key, size = self.key(data), data.draw(st.sampled_from([None, 100, 70_000]))
        self.world.drift(key, None if size is None else self.body(size))

    def _start(self, data):
        for name in PROCESSES:
            self.world.start(name)

    def _hear(self, data):
        """Of all events so far some arrive, in any order, some twice."""
        indices = data.draw(st.lists(st.integers(0, 50), min_size=1, max_size=6))
        events = self.world.events
        self.world.deliver([events[index % len(events)] for index in indices] if events else [])

    def _work(self, data):
        self.world.pause(data.draw(st.sampled_from([0.05, 0.2, 0.5])))

    def teardown(self):
        world = self.world
        if world is None:
            return
        is_cut_short = failure_under_way()
        try:
            if not is_cut_short:
                world.calm()
        except BaseException:
            is_cut_short = True
            raise
        finally:
            if TELLS or is_cut_short:
                print(world.told())
            world.close()


class Upload:
    """A multipart upload, request by request."""

    def __init__(self, world: World, key: str, *, behind: bool) -> None:
        self.world = world
        self.key = key
        self.behind = behind
        self.upload_id = ""
        self.done: list[dict] = []

    def _ask(self, words, call, changes=None, **more):
        words = f"{words} upload of {self.key!r}"
        return self.world.change(changes or {}, call, behind=self.behind, words=words, **more)

    def begin(self, attributes):
        answer = self._ask(
            "begin", lambda b: b.client.create_multipart_upload(Bucket=b.name, Key=self.key, **attributes)
        )
        self.upload_id = answer["UploadId"] if answer else ""
        return bool(answer)

    def _at(self, bucket):
        return {"Bucket": bucket.name, "Key": self.key, "UploadId": self.upload_id}

    def part(self, number, body):
        answer = self._ask(
            f"part {number} of {len(body)} bytes",
            lambda b: b.client.upload_part(**self._at(b), PartNumber=number, Body=body),
        )
        if answer:
            self.done.append({"PartNumber": number, "ETag": answer["ETag"]})

    def complete(self, value):
        # An upload that is not there may have been completed by the same request, sent twice on the way.
        self._ask(
            "complete",
            lambda b: b.client.complete_multipart_upload(**self._at(b), MultipartUpload={"Parts": self.done}),
            {self.key: to(value)},
            missing="unknown",
        )

    def abort(self):
        self._ask("abort", lambda b: b.client.abort_multipart_upload(**self._at(b)))


class Stories:
    """Makes worlds, each with a directory and a state of its own."""

    def __init__(self, tmp_path_factory, postgres_url, keys):
        self._new_directory = tmp_path_factory.mktemp
        self._postgres_url = postgres_url
        self.keys = keys

    def __call__(self, stage, **moods):
        state = self._new_database() if self._postgres_url else None
        return World(stage, self._new_directory("live"), state, **moods)

    def _new_database(self):
        name = f"live_{secrets.token_hex(4)}"
        with psycopg.connect(self._postgres_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self._postgres_url.replace("/postgres?", f"/{name}?")


PAIRS = [("seaweed", "seaweed")]
if SOAK:
    PAIRS += [pair for pair in (("ceph", "ceph"), ("seaweed", "ceph")) if not set(pair) & absent().keys()]


@pytest.mark.timeout(0 if SOAK else 300)
@pytest.mark.parametrize("servers", PAIRS, ids="-".join)
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_both_sides_are_equal_and_nothing_acknowledged_is_lost(request, running, tmp_path_factory, engine, servers):
    url = request.getfixturevalue("postgres_url") if engine == "postgresql" else None
    keys = PLAIN_KEYS if "seaweed" in servers else ALL_KEYS
    assert ALWAYS not in keys
    stories = Stories(tmp_path_factory, url, keys)
    number = SEED or DEFAULT_SEEDS[engine]
    soberly = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        # A story told again may end well, so there is no telling it shorter.
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=True,
        verbosity=Verbosity.normal,
    )
    with Background() as background:
        stage = Stage(background, *(running(server) for server in servers))

        @seed(number)
        class Story(Siege):
            def __init__(self) -> None:
                super().__init__(stage, stories)

        try:
            run_state_machine_as_test(Story, settings=soberly)
        except BaseException as error:
            error.add_note(f"BRIGADE_SEED={number} BRIGADE_EXAMPLES={EXAMPLES} BRIGADE_STEPS={STEPS} tells it again")
            raise
