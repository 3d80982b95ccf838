"""The C library's heap while large bodies pass through.

glibc gives freed memory at the end of the heap back to the kernel at once, and takes it again for the next piece of the
body: each piece of some hundred kilobytes costs its page faults anew. Measured with 20 objects of 64 MiB:
0.1 s of CPU per GB less where it keeps what it has. What it keeps is bounded by the thresholds below.
"""

from __future__ import annotations

from functools import cache

# mallopt(3) and <malloc.h>
_TRIM_THRESHOLD = -1
_TOP_PAD = -2
_MMAP_THRESHOLD = -3
_KEPT_BYTES = 128 * 1024 * 1024
_GROWN_BYTES = 4 * 1024 * 1024
_LARGEST_PIECE_BYTES = 32 * 1024 * 1024


@cache
def keep_freed_memory() -> bool:
    """Have the C library keep freed memory for the next body; False where it is not glibc. Takes effect once."""
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    settings = ((_MMAP_THRESHOLD, _LARGEST_PIECE_BYTES), (_TRIM_THRESHOLD, _KEPT_BYTES), (_TOP_PAD, _GROWN_BYTES))
    return all(mallopt(option, size_bytes) == 1 for option, size_bytes in settings)
