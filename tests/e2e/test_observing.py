"""`brigade run` watched from outside: metrics, health."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from brigade.testing.buckets import Bucket
from brigade.testing.postgres import PostgresServer
from brigade.testing.servers import Endpoint

pytestmark = pytest.mark.server

CLIENT = {"access_key": "client", "secret_key": "client-secret"}


async def until(condition, seconds=80.0):
    """Wait for what must become true soon."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  real servers tell nobody
            await asyncio.sleep(0.05)


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def scrape(base):
    status, text = get(f"{base}/metrics")
    assert status == 200
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def free_ports(count):
    """The first of some ports in a row that are free."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                for number in range(1, count):
                    with socket.socket() as other:
                        other.bind(("127.0.0.1", port + number))
            except OSError:
                continue
            return port


def configure(brigade, source, target, **replication):
    a, b = brigade.reach("a", source), brigade.reach("b", target)
    brigade.gateway = {"listen": "127.0.0.1:0", "store": "a", "users": {"ann": {"keys": [CLIENT]}}}
    brigade.replications = {"photos": {"source": a, "target": b, "live": ["gateway"], **replication}}
    brigade.sections["metrics"] = {"listen": "127.0.0.1:0"}
    brigade.write_config()


async def started(brigade, source):
    """The process, the address of its metrics, and the source as clients see it."""
    process = await brigade.start("run")
    base = (await brigade.said(process, "metrics: http")).split()[-1].removesuffix("/metrics")
    url = (await brigade.said(process, "gateway: listens on")).split()[-1]
    endpoint = Endpoint("gateway", url, source.endpoint.region, CLIENT["access_key"], CLIENT["secret_key"])
    return process, base, Bucket(endpoint, source.name, source.prefix)


async def test_what_clients_write_can_be_seen_on_its_way(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target)
    process, base, through = await started(brigade, source)
    await until(lambda: get(f"{base}/readyz")[0] == 200)
    assert await asyncio.to_thread(get, f"{base}/livez") == (200, '{"alive": true}')
    for number in range(5):
        await asyncio.to_thread(through.put, f"key {number}", b"12345")
    await until(lambda: len(target.keys()) == 5)
    await until(lambda: scrape(base).get(("brigade_change_age_seconds_count", "photos"), 0) >= 5)
    found = await asyncio.to_thread(scrape, base)
    assert found["brigade_gateway_requests_total", "put", "2xx"] == 5
    assert found["brigade_gateway_received_bytes_total",] == 25
    assert found["brigade_gateway_notes_total",] == 5
    assert found["brigade_gateway_request_seconds_count", "put"] == 5
    # The comparison at the start may meet the same keys.
    copied = {key[2]: value for key, value in found.items() if key[:2] == ("brigade_objects_total", "copy")}
    assert copied.keys() <= {"md5", "etag"}
    assert sum(copied.values()) >= 5
    assert found["brigade_change_age_seconds_sum", "photos"] < 5 * 30
    assert found["brigade_store_requests_total", "put", "ok", "b"] >= 5
    assert found["brigade_state_up",] == found["brigade_ready",] == 1
    assert found["brigade_leases_lost_total", "photos"] == 0
    assert not [key for key in found if "key 1" in str(key) or source.name in str(key)]
    through.close()
    await brigade.kill(process)


class Collector(BaseHTTPRequestHandler):
    """Takes spans as a collector does."""

    spans: ClassVar[list] = []

    def do_POST(self):
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in request.resource_spans:
            self.spans.extend(span for scope in resource.scope_spans for span in scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


async def test_one_trace_leads_from_the_write_of_a_client_to_the_copy(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target)
    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        Thread(target=collector.serve_forever, daemon=True).start()
        port = collector.server_address[1]
        brigade.sections["traces"] = {"endpoint": f"http://127.0.0.1:{port}/v1/traces", "sample": 1.0}
        brigade.write_config()
        process, _, through = await started(brigade, source)
        await asyncio.to_thread(through.put, "traced", b"1")
        await until(lambda: target.keys() == ["traced"])
        through.close()
        # What is left is exported before the end.
        process.terminate()
        assert (await brigade.ended(process)).code == 0
        collector.shutdown()
    spans = {span.name: span for span in Collector.spans}
    write, copy = spans["gateway PutObject"], spans["settle copy"]
    assert copy.trace_id == write.trace_id
    assert copy.parent_span_id == write.span_id
    assert {each.key: each.value.string_value for each in copy.attributes}["brigade.key"] == "traced"


async def test_a_mistake_in_the_configuration_makes_it_unready_with_the_reason_until_it_is_mended(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target)
    process, base, through = await started(brigade, source)
    await until(lambda: get(f"{base}/readyz")[0] == 200)
    brigade.replications["photos"]["sauce"] = "x"
    brigade.write_config()
    await until(lambda: get(f"{base}/readyz")[0] == 503)
    reasons = json.loads((await asyncio.to_thread(get, f"{base}/readyz"))[1])["reasons"]
    assert list(reasons) == ["configuration"]
    assert "photos.sauce: unknown key, did you mean source?" in reasons["configuration"]
    assert (await asyncio.to_thread(get, f"{base}/readyz?exclude=configuration"))[0] == 200
    assert (await asyncio.to_thread(get, f"{base}/readyz?exclude=wether"))[0] == 400
    found = await asyncio.to_thread(scrape, base)
    assert (found["brigade_configuration_valid",], found["brigade_ready",]) == (0, 0)
    assert found["brigade_configuration_reloads_total", "refused"] >= 1
    del brigade.replications["photos"]["sauce"]
    brigade.replications["photos"]["transfers"] = 3
    brigade.write_config()
    await until(lambda: get(f"{base}/readyz")[0] == 200)
    assert (await asyncio.to_thread(scrape, base))["brigade_configuration_reloads_total", "ok"] >= 1
    through.close()
    await brigade.kill(process)


async def test_a_state_that_is_away_makes_it_unready_and_alive_until_it_is_back(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target)
    with PostgresServer() as database:
        brigade.state = database.url
        process, base, through = await started(brigade, source)
        await until(lambda: get(f"{base}/readyz")[0] == 200)
        await asyncio.to_thread(database.crash)
        await until(lambda: get(f"{base}/readyz")[0] == 503)
        reasons = json.loads((await asyncio.to_thread(get, f"{base}/readyz"))[1])["reasons"]
        assert "cannot be reached" in reasons["state"]
        assert (await asyncio.to_thread(get, f"{base}/livez"))[0] == 200
        found = await asyncio.to_thread(scrape, base)
        assert (found["brigade_state_up",], found["brigade_ready",]) == (0, 0)
        await asyncio.to_thread(database.restart)
        await until(lambda: get(f"{base}/readyz")[0] == 200)
        await until(lambda: scrape(base)["brigade_state_up",] == 1)
        through.close()
        await brigade.kill(process)


async def test_each_process_tells_its_own_counts_at_the_next_port(brigade, place):
    source, target = place("seaweed"), place("seaweed")
    configure(brigade, source, target)
    port = free_ports(3)
    brigade.gateway["listen"] = f"127.0.0.1:{port}"
    brigade.sections["metrics"] = {"listen": f"127.0.0.1:{port + 1}"}
    brigade.write_config()
    process = await brigade.start("run", "--processes", "2")
    await brigade.said(process, "gateway: listens on")

    def pid_time(number):
        try:
            return scrape(f"http://127.0.0.1:{port + 1 + number}")["process_start_time_seconds",]
        except OSError:
            return None

    await until(lambda: pid_time(0) and pid_time(1))
    assert pid_time(0) != pid_time(1)
    await brigade.kill(process)
