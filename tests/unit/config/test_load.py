from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from brigade.config.load import Loaded, examine_config, find_config, load_config
from brigade.config.model import Config, json_schema
from brigade.config.sample import SAMPLED, sample
from brigade.decide.routing import Block, BucketRoute, Rules
from brigade.errors import ConfigError
from brigade.replications import DeleteMode, FilterRule, MaxDelete

GOOD = """\
state: brigade.db
stores:
  ceph: {type: s3, endpoint: "https://s3.example:8443", access_key: "${KEY}", secret_key: "${file:secret}"}
  disk: {type: file, root: data, symlinks: follow}
replications:
  photos:
    source: ceph:photos
    target: disk:photos
    delete: no
    max_delete: 5
    filters: [{exclude: "tmp/**"}, {include: "**"}]
    min_size: 1KiB
    min_age: 2h
    tags: false
    reconcile: once
"""


def write(directory: Path, text: str) -> Path:
    file = directory / "brigade.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def mistakes(directory: Path, text: str, **environment: str) -> list[str]:
    found = examine_config(write(directory, text), environment)
    assert isinstance(found, list), "this configuration should not be accepted"
    return [line.removeprefix(f"{directory}/") for line in found]


def test_a_good_configuration_becomes_a_policy(tmp_path: Path):
    (tmp_path / "secret").write_text("s3cret\n")
    loaded = load_config(write(tmp_path, GOOD), {"KEY": "key"})
    ceph = loaded.config.stores["ceph"]
    assert ceph.type == "s3"
    assert (ceph.access_key, ceph.secret_key) == ("key", "s3cret")
    policy = loaded.config.replications["photos"].policy()
    assert policy.delete is DeleteMode.NO, "`no` is a word, not false"
    assert policy.max_delete == MaxDelete(5, is_percent=False)
    assert policy.filters == (FilterRule(False, "tmp/**"), FilterRule(True, "**"))
    assert (policy.min_size_bytes, policy.min_age_seconds, policy.tags) == (1024, 7200, False)
    assert loaded.directory == tmp_path


def test_secrets_stay_out_of_the_representation(tmp_path: Path):
    (tmp_path / "secret").write_text("s3cret\n")
    assert "s3cret" not in repr(load_config(write(tmp_path, GOOD), {"KEY": "key"}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "stores:\n  m: {type: s3, acess_key: k}\n",
            "brigade.yaml:2: stores.m.acess_key: unknown key, did you mean access_key?",
        ),
        ("storage: {}\n", "brigade.yaml:1: storage: unknown key, did you mean stores?"),
        (
            "stores:\n  m:\n    type: s3\n    concurrency: many\n",
            "brigade.yaml:4: stores.m.concurrency: must be a whole number",
        ),
        (
            "stores: {m: {type: s3, secret_key: 12345, access_key: k}}",
            "stores.m.secret_key: must be text: put quotes around it",
        ),
        ("stores: {m: {type: ftp}}", "stores.m.type: must be s3, gcs, "),
        ("stores: {m: {root: x}}", "stores.m: has no type: write s3, gcs, "),
        ("stores: {m: {type: file}}", "stores.m.root: is missing"),
        ("stores: {m: {type: s3, endpoint: 's3.example'}}", "stores.m.endpoint: must be a URL like https://host:port"),
        (
            "stores: {m: {type: s3, access_key: k}}",
            "stores.m: access_key and secret_key belong together: secret_key is missing",
        ),
        ("stores: {m: {type: s3, anonymous: true, profile: p}}", "stores.m.anonymous: an anonymous store has neither"),
        ("stores: {m: {type: azure, key: k, sas: s}}", "stores.m: key and sas exclude each other"),
        ("stores: {m: {type: azure, account: a, client_secret: s}}", "stores.m.client_secret: it needs tenant_id"),
        ("stores: {m: {type: azure, account: a, tenant_id: t}}", "stores.m.tenant_id: it goes with client_id"),
        (
            "stores: {m: {type: azure, account: a, connection_string: c}}",
            "stores.m.connection_string: it names account",
        ),
        (
            "stores: {m: {type: azure, connection_string: AccountName=a;s3cret}}",
            "stores.m.connection_string: the text is no connection string (it looks like AccountName=",
        ),
        (
            "stores: {m: {type: azure, connection_string: AccountKey=a}}",
            "connection_string: the text names neither AccountName",
        ),
        ("stores: {m: {type: azure, api_version: latest}}", "stores.m.api_version: "),
        # What others call it.
        ("stores: {m: {type: azure, accountKey: k}}", "stores.m.accountKey: unknown key, did you mean key?"),
        ("stores: {m: {type: s3, aws_identity: k}}", "aws_identity: unknown key, did you mean access_key?"),
        ("stores: {m: {type: swift, aws_identity: k}}", "aws_identity: unknown key, did you mean user?"),
        ("mappings: []", "mappings: unknown key, did you mean replications?"),
        ("stores: {'a b': {type: memory}}", "stores.a b: a store's name is made of"),
        ("stores: {m: {type: s3, bandwidth: 5MiB/m}}", "stores.m.bandwidth: '5MiB/m' is no bandwidth"),
        ("stores: {m: {type: s3, verify_tls: no}}", "stores.m.verify_tls: must be true or false"),
        ("stores: {m: {type: s3, listing_order: random}}", "stores.m.listing_order: must be bytes, components or none"),
        ("stores: []", "stores: must be a section with keys"),
        ("- a", "not a section"),
        ("", "the configuration is empty"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, text: str, expected: str):
    assert any(expected in line for line in mistakes(tmp_path, text)), mistakes(tmp_path, text)


REPLICATION = "stores: {{m: {{type: memory}}, d: {{type: file, root: x}}}}\nreplications:\n  r: {{source: '{0}', target: '{1}'{2}}}\n"


@pytest.mark.parametrize(
    ("source", "target", "more", "expected"),
    [
        ("x:a", "m:a", "", "replications.r.source: 'x:a': there is no store 'x'"),
        ("m:*", "m:a", "", "replications.r.target: all buckets go to all buckets"),
        ("d:*", "m:*", "", "replications.r.source: d:*: a directory has no buckets"),
        ("m:a", "m:b", ", delete: maybe", "replications.r.delete: must be no, tracked or mirror"),
        (
            "m:a",
            "m:b",
            ", live: [pigeon]",
            "replications.r.live[0]: must be gateway, watch, webhook or sqs",
        ),
        ("m:a", "m:b", ", reconcile: sometimes", "replications.r.reconcile: 'sometimes' is no duration"),
        ("m:a", "m:b", ", reconcile: 0s", "replications.r.reconcile: a run every '0s' is too often"),
        ("m:a", "m:b", ", live: [watch]", "replications.r.live: watch is for directories: the source is none"),
        ("m:a", "m:b", ", live: [gateway]", "replications.r.live: there is no section `gateway`"),
        ("m:*", "m:*", ", live: [gateway]", "replications.r.live: there is no section `gateway`"),
        ("m:a", "m:b", ", max_delete: 200%", "replications.r.max_delete: '200%' is no limit"),
        ("m:a", "m:b", ", filters: [{include: a, exclude: b}]", "replications.r.filters[0]: a rule has either"),
        ("m:a", "m:b", ", filters: [{include: '[a'}]", "replications.r.filters[0]: bad filter pattern '[a'"),
        (
            "m:a",
            "m:b",
            ", filters: [{includ: a}]",
            "replications.r.filters[0].includ: unknown key, did you mean include?",
        ),
        ("m:a", "m:b", ", min_age: 6 hours", "replications.r.min_age: '6 hours' is no duration"),
    ],
)
def test_mistakes_in_replications(tmp_path: Path, source: str, target: str, more: str, expected: str):
    lines = mistakes(tmp_path, REPLICATION.format(source, target, more))
    assert any(expected in line for line in lines), lines


def test_the_api_listens_where_it_is_told(tmp_path: Path):
    config = load_config(write(tmp_path, 'api: {listen: "[::1]:9000", tls: {certificate: c}}\n'), {}).config
    assert config.api is not None
    assert config.api.listen == ("::1", 9000)
    assert (config.api.requests_per_second, config.api.burst) == (50, 200)
    config = load_config(write(tmp_path, "api: {requests_per_second: null, burst: 7}\n"), {}).config
    assert (config.api.requests_per_second, config.api.burst) == (None, 7)
    assert "greater than 0" in mistakes(tmp_path, "api: {requests_per_second: 0}\n")[0]
    (line,) = mistakes(tmp_path, "api: {lisen: y}\n")
    assert line == "brigade.yaml:1: api.lisen: unknown key, did you mean listen?"
    assert "certificate" in mistakes(tmp_path, "api: {tls: {certificat: c}}\n")[0]


def test_all_mistakes_are_found_in_the_order_of_the_file(tmp_path: Path):
    lines = mistakes(tmp_path, "state: 5\nstores:\n  m: {type: s3, x: 1}\nfoo: 1\n")
    assert [line.split(":")[1] for line in lines] == ["1", "3", "4"]


def test_loading_tells_the_first_and_counts_the_rest(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"state: must be text.*and 2 more"):
        load_config(write(tmp_path, "state: 5\nfoo: 1\nbar: 2\n"), {})


def test_a_value_is_never_repeated_where_it_may_be_a_secret(tmp_path: Path):
    text = "stores: {m: {type: s3, access_key: [hunter2], secret_key: {hunter2: hunter2}, session_token: 77}}\n"
    assert not any("hunter2" in line or "77" in line for line in mistakes(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", ":1: not YAML"),
        ("a: 1\n\tb: 2\n", "not YAML"),
        ("stores: {}\nstores: {}\n", ":2: stores stands here twice (first in line 1)"),
        ("a: !!python/object:os.system x\n", "not YAML"),
        ("--- {}\n--- {}\n", "not YAML"),
    ],
)
def test_what_is_not_yaml_names_its_line(tmp_path: Path, text: str, words: str):
    with pytest.raises(ConfigError) as caught:
        examine_config(write(tmp_path, text), {})
    assert words in str(caught.value)


def test_a_document_that_holds_itself_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r":1: stores\.m holds itself"):
        examine_config(write(tmp_path, "stores: &a {m: *a}\n"), {})


def test_an_alias_means_what_it_names(tmp_path: Path):
    text = "stores:\n  a: &a {type: memory}\n  b: *a\n"
    loaded = load_config(write(tmp_path, text), {})
    assert loaded.config.stores["a"] == loaded.config.stores["b"]


def test_what_cannot_be_read_says_why(tmp_path: Path):
    file = tmp_path / "brigade.yaml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        examine_config(file, {})
    with pytest.raises(ConfigError, match="cannot be read"):
        examine_config(tmp_path, {})


def test_the_file_is_found_by_option_then_variable_then_here(tmp_path: Path):
    here = write(tmp_path, "")
    other = tmp_path / "other.yaml"
    other.write_text("")
    assert find_config(other, {"BRIGADE_CONFIG": str(here)}, tmp_path) == other
    assert find_config(None, {"BRIGADE_CONFIG": str(other)}, tmp_path) == other
    assert find_config(None, {}, tmp_path) == here
    assert find_config(None, {}, tmp_path / "nowhere") is None
    with pytest.raises(ConfigError, match="--config"):
        find_config(tmp_path / "missing", {}, tmp_path)
    with pytest.raises(ConfigError, match="BRIGADE_CONFIG"):
        find_config(None, {"BRIGADE_CONFIG": "missing"}, tmp_path)


@pytest.mark.parametrize("store", SAMPLED)
def test_the_sample_is_right(tmp_path: Path, store: str):
    text = sample(store)
    names = set(re.findall(r"\$\{([A-Z_]+)\}", text)) - {"NAME"}
    found = examine_config(write(tmp_path, text), dict.fromkeys(names, "x"))
    assert isinstance(found, Loaded)
    assert found.config.stores["new"].type == store


def test_the_schema_knows_every_key_and_closes_every_section():
    schema = json_schema()
    json.dumps(schema)
    for section in (schema, *(s for s in schema["$defs"].values() if s.get("type") == "object")):
        assert section["additionalProperties"] is False
    assert set(schema["properties"]) == set(Config.model_fields)


GATEWAY = """\
stores:
  s: {type: s3, endpoint: "http://s.example"}
  o: {type: s3, endpoint: "http://o.example"}
  d: {type: file, root: x}
replications:
  r: {source: SOURCE, target: "d:t", live: [gateway], reconcile: 6h}
gateway: {KEYS}
"""
ANN = "users: {ann: {keys: [{access_key: k, secret_key: s}]}}"


def gateway(keys: str, source: str = "s:b/p") -> str:
    return GATEWAY.replace("KEYS", keys).replace("SOURCE", source)


def test_a_gateway_and_what_is_live_behind_it(tmp_path: Path):
    text = gateway(f'listen: "[::1]:0", routes: [{{bucket: b, store: s}}], {ANN}')
    config = load_config(write(tmp_path, text), {}).config
    assert config.gateway is not None
    assert config.gateway.listen == ("::1", 0)
    assert config.gateway.stores == ["s"]
    assert config.replications["r"].every_seconds == 6 * 3600
    assert "secret_key" not in repr(config.gateway)


def test_what_the_gateway_refuses_for_now_stands_beside_what_it_serves(tmp_path: Path):
    text = gateway(
        "store: s, routes: [{bucket: b, store: o, block: writes}, {bucket: c, user: ann, block: true}], "
        "users: {ann: {keys: [{access_key: k, secret_key: s}], store: o, block: true}}"
    )
    config = load_config(write(tmp_path, text.replace("s:b/p", "o:b")), {}).config
    assert config.gateway is not None
    assert config.gateway.rules() == Rules(
        store="s",
        user_stores={"ann": "o"},
        routes=(BucketRoute("b", "o"),),
        blocks=(Block(user="ann"), Block("b", writes_only=True), Block("c", "ann")),
    )


@pytest.mark.parametrize(
    ("keys", "served"),
    [
        (f"store: s, {ANN}", True),
        (f"store: o, {ANN}", False),
        ("store: o, users: {ann: {keys: [{access_key: k, secret_key: s}], store: s}}", True),
        (f"store: o, routes: [{{bucket: b, store: s}}], {ANN}", True),
    ],
)
def test_a_whole_store_is_followed_where_some_request_goes_to_it(tmp_path: Path, keys: str, served: bool):
    found = examine_config(write(tmp_path, gateway(keys, "s:*").replace("d:t", "o:*")), {})
    if served:
        assert isinstance(found, Loaded)
    else:
        assert isinstance(found, list)
        assert "the gateway sends no request to 's'" in found[0]


@pytest.mark.parametrize(
    ("keys", "source", "expected"),
    [
        (f"listen: nowhere, store: s, {ANN}", "s:b", "gateway.listen: 'nowhere' is no address"),
        ("store: s", "s:b", "gateway: nobody may ask it"),
        (ANN, "s:b", "gateway: no store is behind it"),
        (f"store: x, {ANN}", "s:b", "gateway.store: there is no store 'x'"),
        (f"store: d, {ANN}", "s:b", "gateway.store: 'd' is no S3 store"),
        (f"store: o, {ANN}", "s:b", "replications.r.live: the gateway sends no request for this bucket to 's'"),
        (f"store: s, {ANN}", "./x", "replications.r.live: gateway is for buckets of an S3 store"),
        (f"store: s, stor: s, {ANN}", "s:b", "gateway.stor: unknown key, did you mean store?"),
        (
            f"store: s, routes: [{{bucket: b, store: s, user: bob}}], {ANN}",
            "s:b",
            "gateway.routes[0].user: there is no user 'bob'",
        ),
        (
            f"store: s, routes: [{{bucket: b, store: s}}, {{bucket: b, store: o}}], {ANN}",
            "s:b",
            "gateway.routes[0]: the bucket 'b' has more than one route",
        ),
        (
            "store: s, users: {ann: {keys: [{access_key: k, secret: s}]}}",
            "s:b",
            "gateway.users.ann.keys[0].secret: unknown key, did you mean secret_key?",
        ),
        (
            "store: s, users: {a: {keys: [{access_key: k, secret_key: s}, {access_key: k, secret_key: t}]}}",
            "s:b",
            "gateway.users: the access key 'k' is given 2 times",
        ),
        (f"store: s, routes: [{{bucket: b}}], {ANN}", "s:b", "gateway.routes[0]: a route has store, or block, or both"),
        (
            f"store: s, routes: [{{bucket: b, block: false}}], {ANN}",
            "s:b",
            "gateway.routes[0]: a route has store, or block, or both",
        ),
        (f"store: s, routes: [{{bucket: b, block: reads}}], {ANN}", "s:b", "gateway.routes[0].block"),
        (f"store: s, capture: maybe, {ANN}", "s:b", "gateway.capture: must be strict or best_effort"),
    ],
)
def test_a_mistake_in_the_gateway_is_one_line_with_its_place(tmp_path: Path, keys: str, source: str, expected: str):
    found = mistakes(tmp_path, gateway(keys, source))
    assert any(expected in line for line in found), found


FEEDS = """\
stores:
  s: {type: s3, endpoint: "http://s.example", queue: {QUEUE}}
  d: {type: file, root: x}
replications:
  r: {source: "s:b/p", target: "d:t", live: [webhook, sqs]}
webhook: {WEBHOOK}
"""
QUEUE = "url: https://sqs.eu-west-1.amazonaws.com/123456789012/q"
WEBHOOK = "secrets: [long enough]"


def feeds(webhook: str = WEBHOOK, queue: str = QUEUE) -> str:
    return FEEDS.replace("QUEUE", queue).replace("WEBHOOK", webhook)


def test_a_webhook_and_a_queue(tmp_path: Path):
    text = feeds(
        f"{WEBHOOK}, url: 'https://b.example/in/', topics: ['arn:aws:sns:eu-west-1:1:t']", f"{QUEUE}, wait: 5s"
    )
    config = load_config(write(tmp_path, text), {}).config
    assert config.webhook is not None
    assert config.webhook.url_of("s") == "https://b.example/in/events/s"
    assert "long enough" not in repr(config)
    store = config.stores["s"]
    assert store.type == "s3"
    assert store.queue is not None
    assert store.queue.wait == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (feeds("url: 'http://b.example'"), "webhook: anybody could send: give secrets, or topics"),
        (feeds("secrets: [short]"), "webhook.secrets[0]: must have at least 8 characters"),
        (feeds(f"{WEBHOOK}, url: b.example"), "webhook.url: must be a URL like https://host:port"),
        (feeds(f"{WEBHOOK}, url: 'http://u:p@b.example'"), "webhook.url: must be a URL"),
        (feeds(f"{WEBHOOK}, topics: [t]"), "webhook.topics[0]: must be the ARN of an SNS topic"),
        (feeds(f"{WEBHOOK}, tls: {{cert: x}}"), "webhook.tls.cert: unknown key; known are certificate, key"),
        (feeds(f"{WEBHOOK}, path: x"), "webhook.path: unknown key"),
        (feeds(queue="url: q"), "stores.s.queue.url: must be a URL like https://sqs."),
        (feeds(queue=f"{QUEUE}, wait: 30s"), "stores.s.queue: wait is 1s to 20s"),
        (feeds(queue=f"{QUEUE}, visibility: 500ms"), "stores.s.queue: visibility is 1s to 12h"),
        (feeds(queue=f"{QUEUE}, polers: 1"), "stores.s.queue.polers: unknown key, did you mean pollers?"),
        (feeds().replace('source: "s:b/p"', 'source: "d:b"'), "replications.r.live: webhook is for buckets of an S3"),
        (feeds().replace('source: "s:b/p"', "source: s3://b"), "replications.r.live: webhook is for buckets of an S3"),
        (feeds().partition("webhook: {")[0], "replications.r.live: there is no section `webhook`"),
        (feeds().replace(f", queue: {{{QUEUE}}}", ""), "replications.r.live: the store 's' has no `queue`"),
        (
            feeds().replace("  d:", f"  t: {{type: s3, queue: {{{QUEUE}}}}}\n  d:"),
            "stores.t.queue.url: this is the queue of 's': give each its own",
        ),
        (
            feeds() + f"gateway: {{listen: '127.0.0.1:9200', store: s, {ANN}}}\n",
            "webhook.listen: the gateway listens there: take another port",
        ),
    ],
)
def test_a_mistake_in_a_feed_is_one_line_with_its_place(tmp_path: Path, text: str, expected: str):
    found = mistakes(tmp_path, text)
    assert any(expected in line for line in found), found
    assert not any("long enough" in line for line in found)


@pytest.mark.parametrize(
    ("queue", "region", "arn"),
    [
        (QUEUE, None, "arn:aws:sqs:eu-west-1:123456789012:q"),
        ("url: https://sqs.cn-north-1.amazonaws.com.cn/1/q", "x", "arn:aws-cn:sqs:cn-north-1:1:q"),
        ("url: http://localhost:4566/1/q", "eu-1", "arn:aws:sqs:eu-1:1:q"),
        ("url: http://localhost:4566/1/q, region: eu-2", "eu-1", "arn:aws:sqs:eu-2:1:q"),
        ("url: http://localhost:4566/1/q", None, None),
        ("url: http://localhost:4566/queue/q", "eu-1", None),
        (f"{QUEUE}, arn: 'arn:aws:sns:eu-west-1:1:t'", None, "arn:aws:sns:eu-west-1:1:t"),
    ],
)
def test_the_address_of_a_queue_tells_what_buckets_send_to(tmp_path: Path, queue: str, region: str, arn: str):
    store = load_config(write(tmp_path, feeds(queue=queue)), {}).config.stores["s"]
    assert store.type == "s3"
    assert store.queue is not None
    assert store.queue.arn_in(region) == arn
