"""Style sheets and scripts: read once from the package, found by name among these and nowhere else."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import Response

from brigade.api.failing import Refusal

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"

router = APIRouter()


class Asset(NamedTuple):
    """One file. `mark` changes with its content."""

    content: bytes
    media_type: str
    mark: str


@cache
def assets() -> dict[str, Asset]:
    """All that is shipped, by name."""
    found = {}
    for each in files("brigade.api").joinpath("static").iterdir():
        kind = _TYPES.get(each.name[each.name.rfind(".") :])
        if kind is not None:
            content = each.read_bytes()
            found[each.name] = Asset(content, kind, hashlib.sha256(content).hexdigest()[:16])
    return found


def url_of(name: str) -> str:
    """Where a page finds an asset; another content has another address, so that browsers may keep it."""
    return f"/static/{name}?{assets()[name].mark}"


@router.get("/static/{name}")
async def send_asset(request: Request, name: str) -> Response:
    """A style sheet or a script."""
    found = assets().get(name)
    if found is None:
        raise Refusal(404, "missing", "there is no such file")
    keep = _FOR_EVER if request.url.query == found.mark else "no-cache"
    headers = {"ETag": f'"{found.mark}"', "Cache-Control": keep, "X-Content-Type-Options": "nosniff"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)
