"""What a store of each type can do before anybody has asked one: AWS for S3, and the usual limits of the others."""

from __future__ import annotations

from brigade.clock import Clock
from brigade.stores.azure.settings import AzureSettings
from brigade.stores.azure.store import AzureStore
from brigade.stores.base import Capabilities, Store
from brigade.stores.file.settings import FileSettings
from brigade.stores.file.store import FileStore
from brigade.stores.gcs.settings import GcsSettings
from brigade.stores.gcs.store import GcsStore
from brigade.stores.s3.settings import S3Settings, Vendor
from brigade.stores.s3.store import S3Store
from brigade.stores.swift.settings import SwiftSettings
from brigade.stores.swift.store import SwiftStore

_NOWHERE = "http://127.0.0.1/auth/v1.0"


def typical_capabilities(clock: Clock) -> dict[str, Capabilities]:
    """By type. A server may do less, or more: `store check` asks it."""
    stores: dict[str, Store] = {
        "s3": S3Store(S3Settings(name="s3", bucket="b", vendor=Vendor.AWS), clock),
        "gcs": GcsStore(GcsSettings(name="gcs", bucket="b"), clock),
        "azure": AzureStore(AzureSettings("azure", "b", "account"), clock),
        "swift": SwiftStore(SwiftSettings(name="swift", container="b", auth_url=_NOWHERE, user="a:b", key="-"), clock),
        "file": FileStore("file", FileSettings(root="/"), clock=clock),
    }
    return {name: store.capabilities for name, store in stores.items()}
