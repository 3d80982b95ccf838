from __future__ import annotations

import inspect

import pytest

from brigade.stores.base import Manifests, Store
from brigade.stores.layers.beside import BesideStore
from brigade.stores.layers.faults import FaultyStore
from brigade.stores.layers.forward import ForwardingStore
from brigade.stores.layers.limit import LimitedStore
from brigade.stores.layers.observe import ObservedStore
from brigade.stores.layers.prefix import PrefixedStore
from brigade.stores.layers.readonly import ReadOnlyStore
from brigade.stores.layers.retry import RetryingStore
from brigade.stores.layers.timeout import TimedStore
from brigade.stores.layers.versions import VersionsStore

LAYERS = [
    BesideStore,
    FaultyStore,
    ForwardingStore,
    LimitedStore,
    ObservedStore,
    PrefixedStore,
    ReadOnlyStore,
    RetryingStore,
    TimedStore,
    VersionsStore,
]
MANIFESTS = {name: value for name, value in vars(Manifests).items() if not name.startswith("_")}
CONTRACT = MANIFESTS | {name: value for name, value in vars(Store).items() if not name.startswith("_")}
FACTS = {"name", "identity", "capabilities", "clock_offset_ns"}
READS = {
    "open",
    "close",
    "list_page",
    "head",
    "part_sizes",
    "get",
    "read_tags",
    "read_acl",
    "list_parts",
    "list_multiparts",
    "read_manifest",
    "segment_etag",
}
# What each layer changes; everything else of the contract is only passed on.
CHANGED = {
    BesideStore: {"list_page", "head", "get", "put", "copy", "delete", "create_multipart"},
    FaultyStore: set(CONTRACT) - {*FACTS, "close"},
    ForwardingStore: set(CONTRACT),
    LimitedStore: set(CONTRACT) - {*FACTS, "close"},
    ObservedStore: set(CONTRACT) - {*FACTS, "close"},
    PrefixedStore: set(CONTRACT) - {"open", "close", "create_bucket", "clock_offset_ns", "segment_etag", "put_segment"},
    ReadOnlyStore: set(CONTRACT) - READS - FACTS,
    RetryingStore: set(CONTRACT) - {*FACTS, "close"},
    TimedStore: set(CONTRACT) - {*FACTS, "close"},
    VersionsStore: {"capabilities", "list_page", "head", "part_sizes", "get", "read_tags"},
}


@pytest.mark.parametrize("layer", LAYERS)
def test_each_layer_spells_out_every_call_that_it_must_see(layer):
    assert {name for name in CONTRACT if name in vars(layer)} == CHANGED[layer]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", [name for name, value in CONTRACT.items() if inspect.isfunction(value)])
def test_each_layer_keeps_the_signature_of_the_contract(layer, name):
    assert inspect.signature(getattr(layer, name)) == inspect.signature(CONTRACT[name])
