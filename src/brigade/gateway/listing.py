"""ListBuckets: the buckets that the user's routes serve, from every store that serves some."""

from __future__ import annotations

import asyncio

from brigade.errors import Unavailable
from brigade.gateway.relay import Sent
from brigade.gateway.upstream import Outbound, Upstream, without_signature
from brigade.gateway.visit import Visit
from brigade.wire.encoding import encode_query
from brigade.wire.s3faults import Fault
from brigade.wire.s3requests import BucketsPage, ListedBucket, build_buckets, parse_buckets, select_buckets
from brigade.wire.xml import XmlError

MOST_PAGES = 100


async def list_buckets(visit: Visit) -> Sent:
    """Answer ListBuckets. One store without exceptions answers for itself; else its list is put together."""
    routes = visit.plant.routes
    routes.refuse_blocked(visit.user, None, changes=False)
    names = routes.stores_of(visit.user)
    if not names:
        raise Fault("AccessDenied", "No store serves this user.")
    absent = Fault("ServiceUnavailable", "A store of these buckets is not there.")
    upstreams = [visit.plant.upstream(name, absent) for name in names]
    query = without_signature(visit.inbound.query)
    if len(upstreams) == 1 and routes.store_of(visit.user, None) == names[0]:
        outbound = Outbound(
            visit.inbound.method, visit.inbound.upstream_path, query, visit.inbound.headers, signed=visit.signed
        )
        async with await upstreams[0].send(outbound) as response:
            return await visit.outflow.relay(response)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_all_buckets(visit, upstream)) for upstream in upstreams]
    found: list[ListedBucket] = []
    for name, task in zip(names, tasks, strict=True):
        found += [bucket for bucket in task.result().buckets if routes.store_of(visit.user, bucket.name) == name]
    chosen, token = select_buckets(found, query)
    first = tasks[0].result()
    page = BucketsPage(chosen, first.owner_id, first.owner_name, token)
    prefix = visit.inbound.parameter("prefix") if "prefix" in visit.inbound.parameters else None
    headers = [("Content-Type", "application/xml")]
    return await visit.outflow.answer(200, "OK", headers, build_buckets(page, prefix))


async def _all_buckets(visit: Visit, upstream: Upstream) -> BucketsPage:
    """Every bucket of one store. A store that does not answer makes the whole list fail: half a list looks whole."""
    buckets: list[ListedBucket] = []
    query = ""
    for _ in range(MOST_PAGES):
        async with await upstream.send(Outbound("GET", "/", query, signed=visit.signed)) as response:
            body = await response.read()
            if response.status != 200:
                raise Unavailable(f"store {upstream.name!r} does not list its buckets: status {response.status}")
        try:
            page = parse_buckets(body)
        except XmlError as error:
            raise Unavailable(f"store {upstream.name!r} answers no list of buckets: {error}") from error
        buckets += page.buckets
        if page.next_token is None:
            return page._replace(buckets=buckets)
        query = encode_query([("continuation-token", page.next_token)])
    raise Unavailable(f"store {upstream.name!r} lists its buckets without end")
