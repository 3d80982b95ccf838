"""`/users`: who may ask the gateway. A secret key is shown once, when it is made."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from brigade.api.office import Admin, Reader
from brigade.api.shapes import Name, Settings, SettingsShape
from brigade.api.versions import IfMatch, if_match, tag
from brigade.control import setting_up, users
from brigade.control.setting_up import Shown
from brigade.control.users import Key
from brigade.state.control_rows import DocumentKind

router = APIRouter(prefix="/users", tags=["users"])

_KIND = DocumentKind.USER


class NewUser(BaseModel):
    """A user to make."""

    name: str = Field(min_length=1, max_length=128)
    settings: dict[str, Any] = Field({}, description="As in the file; without `keys` a pair is made")


class KeyShape(BaseModel):
    """A new pair of keys. The secret one is shown this once."""

    access_key: str
    secret_key: str


class MadeUser(SettingsShape):
    """A user, with the key that was made for him."""

    made: KeyShape | None = Field(description="Null where no key was made")

    @classmethod
    def with_key(cls, shown: Shown, key: Key | None) -> MadeUser:
        made = None if key is None else KeyShape(**key._asdict())
        return cls(**SettingsShape.of(shown).model_dump(), made=made)


@router.get("")
async def list_users(desk: Reader) -> list[SettingsShape]:
    """Every user of the gateway, of the file and made at run time, without secrets."""
    return [SettingsShape.of(shown) for shown in await setting_up.show_all(desk, _KIND)]


@router.post("", status_code=201)
async def create_user(desk: Admin, new: NewUser, response: Response) -> MadeUser:
    """Make a user. Without `keys` a pair is made and shown this once."""
    shown, key = await users.create_user(desk, new.name, new.settings)
    tag(response, shown)
    return MadeUser.with_key(shown, key)


@router.get("/{name}")
async def show_user(desk: Reader, name: Name, response: Response) -> SettingsShape:
    """One user. The ETag is what a change names."""
    shown = await setting_up.show(desk, _KIND, name)
    tag(response, shown)
    return SettingsShape.of(shown)


@router.put("/{name}")
async def change_user(
    desk: Admin, name: Name, settings: Settings, response: Response, version: IfMatch = None
) -> SettingsShape:
    """Other settings in the place of those that were seen: `If-Match` is the ETag that came with them."""
    changed = await setting_up.change(desk, _KIND, name, settings.settings, version=if_match(version))
    tag(response, changed)
    return SettingsShape.of(changed)


@router.delete("/{name}", status_code=204)
async def delete_user(desk: Admin, name: Name, version: IfMatch = None) -> None:
    """From now on the gateway refuses this user."""
    await setting_up.delete(desk, _KIND, name, version=None if version is None else if_match(version))


@router.post("/{name}/keys", status_code=201)
async def add_key(desk: Admin, name: Name, response: Response) -> MadeUser:
    """Make one more pair of keys, shown this once; those there are stay in force."""
    shown, key = await users.add_key(desk, name)
    tag(response, shown)
    return MadeUser.with_key(shown, key)


@router.delete("/{name}/keys/{access_key}")
async def remove_key(
    desk: Admin, name: Name, access_key: Annotated[str, Path(max_length=400)], response: Response
) -> SettingsShape:
    """From now on nobody signs with this key."""
    shown = await users.remove_key(desk, name, access_key)
    tag(response, shown)
    return SettingsShape.of(shown)
