"""The contract of a store as tests: each function is one promise of `brigade.stores.base`.

In a test module of your own (see `docs/stores/write-your-own.md`):

    from brigade.testing.conformance import *

    @pytest.fixture
    async def store(): ...            # an opened, empty store

    @pytest.fixture
    async def missing_store(): ...    # a store whose bucket is not there yet

A promise that rests on a capability which the store does not claim is skipped and says so.
"""

from brigade.testing.conformance import attributes, keys, listing, multipart, reading, writing

_MODULES = (attributes, keys, listing, multipart, reading, writing)
PROMISES = {name: promise for module in _MODULES for name, promise in vars(module).items() if name.startswith("test_")}
globals().update(PROMISES)

__all__ = ["PROMISES", *PROMISES]  # noqa: PLE0604 (names of functions, made above)
