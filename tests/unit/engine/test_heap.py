from __future__ import annotations

import platform
import subprocess
import sys

# A child, since the setting is for the whole process and for good. It frees what it has just used, twice as often as
# its first argument says, and prints the page faults of that.
PROGRAM = """
import resource, sys
from brigade.engine.heap import keep_freed_memory
if sys.argv[1] == "keep":
    print(keep_freed_memory(), file=sys.stderr)
def pieces():
    held = [bytes(400_000) for _ in range(8)]
pieces()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    pieces()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return int(done.stdout), done.stderr.strip()


def test_freed_memory_is_used_again_without_asking_the_kernel():
    without, _ = faults("leave")
    kept, answer = faults("keep")
    assert answer == str(platform.libc_ver()[0] == "glibc")
    if answer == "True":
        assert kept < without / 4
