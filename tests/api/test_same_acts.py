"""What changes something is done once by each face, to things of their own, and leaves the same behind.

That is: in the record of who did what, and in what the API shows of it.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any, NamedTuple

import pytest
from tests.api import test_access
from tests.api.faces import PATTERNS, Faces, steady
from tests.api.test_same_looks import LOOKS

from brigade.control.sealing import MASK
from brigade.state.owner import Owner
from brigade.state.rows import RunKind


class Act(NamedTuple):
    """The same thing done: to `NAME`, which each face has one of, after `first` was asked of the API."""

    ask: tuple[str, str]
    body: Any
    verb: str
    page: str
    form: dict[str, str]
    first: tuple[str, ...] = ()
    shown: str | None = None
    version: int | None = None
    query: dict[str, str] | None = None


PLACES = {"source": "disk:photos", "target": "disk:of-NAME"}
WHOSE = {"bucket": "NAME", "user": "ann"}
FORM = {**PLACES, "create": "yes", "update": "yes", "tags": "yes"}
REPLICATION, STORE, USER = "replication NAME", "store NAME", "user NAME"
SETUPS = {
    REPLICATION: ("POST", "/replications", {"name": "NAME", "settings": PLACES}),
    STORE: ("POST", "/stores", {"name": "NAME", "settings": {"type": "file", "root": "data"}}),
    USER: ("POST", "/users", {"name": "NAME", "settings": {"store": "ceph"}}),
    "key": ("POST", "/users/NAME/keys", None),
    "paused": ("POST", "/replications/NAME/pause", {"note": "x"}),
    "route": ("PUT", "/routes", {**WHOSE, "store": "ceph"}),
    "block": ("PUT", "/blocks", WHOSE),
}


def ordered(what: str, words: str = "", **more: Any) -> Act:
    ask, page = ("POST", f"/replications/NAME/{what}"), f"/orders/{what}"
    verb = f"replication {what} NAME{words}"
    first = (REPLICATION, *more.pop("first", ()))
    return Act(ask, more.get("body"), verb, page, {"name": "NAME", **more.get("form", {})}, first, "/replications/NAME")


ACTS = {
    "POST /replications": Act(
        ("POST", "/replications"),
        {"name": "NAME", "settings": {**PLACES, "delete": "tracked"}},
        "replication create NAME disk:photos disk:of-NAME --set delete=tracked",
        "/new",
        {**FORM, "name": "NAME", "delete": "tracked"},
        shown="/replications/NAME",
    ),
    "PUT /replications/{name}": Act(
        ("PUT", "/replications/NAME"),
        {"settings": {**PLACES, "max_delete": "5%"}},
        "replication change NAME --set max_delete=5%",
        "/change/NAME",
        {**FORM, "max_delete": "5%", "version": "1"},
        (REPLICATION,),
        "/replications/NAME",
        1,
    ),
    "DELETE /replications/{name}": Act(
        ("DELETE", "/replications/NAME"),
        None,
        "replication delete NAME",
        "/delete",
        {"name": "NAME", "version": "1"},
        (REPLICATION,),
    ),
    "POST /replications/{name}/pause": ordered("pause", " --note why", body={"note": "why"}, form={"note": "why"}),
    "POST /replications/{name}/resume": ordered("resume", first=("paused",)),
    "POST /replications/{name}/reconcile": ordered("reconcile"),
    "POST /replications/{name}/verify": ordered("verify"),
    "POST /replications/{name}/cancel": ordered("cancel", first=("run",)),
    "POST /failures/retry": Act(
        ("POST", "/failures/retry"),
        {"replication": "NAME", "keys": ["k"]},
        "retry NAME k",
        "/failures/retry",
        {"replication": "NAME", "key": '"k"'},
        (REPLICATION, "parked"),
        "/failures",
    ),
    "POST /failures/dismiss": Act(
        ("POST", "/failures/dismiss"),
        {"replication": "NAME", "keys": ["k"], "note": "why"},
        "dismiss NAME k --note why",
        "/failures/dismiss",
        {"replication": "NAME", "key": '"k"', "note": "why"},
        (REPLICATION, "parked"),
        "/failures/dismissed",
    ),
    "PUT /routes": Act(
        ("PUT", "/routes"), {**WHOSE, "store": "ceph"}, "route set NAME ceph --user ann", "/routes/route",
        {**WHOSE, "store": "ceph"}, shown="/routes",
    ),
    "DELETE /routes": Act(
        ("DELETE", "/routes"), None, "route delete NAME --user ann", "/routes/unroute", WHOSE, ("route",), "/routes",
        query=WHOSE,
    ),
    "PUT /blocks": Act(
        ("PUT", "/blocks"), {**WHOSE, "writes_only": True, "note": "why"},
        "route block NAME --user ann --writes --note why", "/routes/block",
        {**WHOSE, "writes_only": "yes", "note": "why"}, shown="/blocks",
    ),
    "DELETE /blocks": Act(
        ("DELETE", "/blocks"), None, "route unblock NAME --user ann", "/routes/unblock", WHOSE, ("block",), "/blocks",
        query=WHOSE,
    ),
    "POST /stores": Act(
        ("POST", "/stores"), {"name": "NAME", "settings": {"type": "file", "root": "data"}},
        "store add NAME file --set root=data", "/new-store", {"type": "file", "name": "NAME", "set.root": "data", "set.fsync": "true"},
        shown="/stores/NAME",
    ),
    "PUT /stores/{name}": Act(
        ("PUT", "/stores/NAME"), {"settings": {"type": "file", "root": "data/more"}},
        "store change NAME --set root=data/more", "/stores/NAME/change", {"set.root": "data/more", "set.fsync": "true", "version": "1"},
        (STORE,), "/stores/NAME", 1,
    ),
    "DELETE /stores/{name}": Act(
        ("DELETE", "/stores/NAME"), None, "store remove NAME", "/stores/NAME/delete", {"version": "1"}, (STORE,)
    ),
    "POST /stores/{name}/check": Act(
        ("POST", "/stores/NAME/check"), {"bucket": "photos", "read_only": True}, "store check NAME:photos --read-only",
        "/stores/NAME/check", {"bucket": "photos", "read_only": "yes"}, (STORE,), "/stores/NAME",
    ),
    "POST /users": Act(
        ("POST", "/users"), {"name": "NAME", "settings": {"store": "ceph"}}, "user create NAME --store ceph",
        "/access/user", {"name": "NAME", "store": "ceph"}, shown="/users/NAME",
    ),
    "PUT /users/{name}": Act(
        ("PUT", "/users/NAME"), {"settings": {"block": "writes", "keys": [{"access_key": "KEY", "secret_key": MASK}]}}, "user change NAME --store= --set block=writes",
        "/access/users/NAME/change", {"store": "", "block": "writes", "version": "1"}, (USER,), "/users/NAME", 1,
    ),
    "DELETE /users/{name}": Act(
        ("DELETE", "/users/NAME"), None, "user delete NAME", "/access/delete-user", {"name": "NAME", "version": "1"},
        (USER,),
    ),
    "POST /users/{name}/keys": Act(
        ("POST", "/users/NAME/keys"), None, "user add-key NAME", "/access/key", {"name": "NAME"}, (USER,), "/users/NAME"
    ),
    "DELETE /users/{name}/keys/{access_key}": Act(
        ("DELETE", "/users/NAME/keys/KEY"), None, "user remove-key NAME KEY", "/access/remove-key",
        {"name": "NAME", "access_key": "KEY"}, (USER, "key"), "/users/NAME",
    ),
    "POST /tokens": Act(
        ("POST", "/tokens"), {"name": "NAME", "scope": "operate", "lifetime_seconds": 86400},
        "token create NAME --scope operate --lifetime 1d", "/access/token",
        {"name": "NAME", "scope": "operate", "days": "1"}, shown="/tokens",
    ),
    "DELETE /tokens/{name}": Act(
        ("DELETE", "/tokens/TOKEN"), None, "token revoke TOKEN", "/access/revoke", {"name": "TOKEN"}, ("token",), "/tokens"
    ),
}  # fmt: skip

ELSEWHERE = {
    "POST /replications/preview": "test_a_preview_is_the_same_by_each_face",
    "GET /events": "what changes, as it changes: the other two ask again and again instead",
}


def test_each_operation_is_compared_or_it_is_told_why_not():
    every = {f"{method} {path}" for method, path in test_access.NEEDS}
    assert [*LOOKS, *ACTS, *ELSEWHERE] == list(dict.fromkeys([*LOOKS, *ACTS, *ELSEWHERE]))
    assert {*LOOKS, *ACTS, *ELSEWHERE} == every


class Doer:
    """One face, which does a thing to a name of its own."""

    def __init__(self, faces: Faces, act: Act, name: str) -> None:
        self.faces = faces
        self.act = act
        self.names = {"NAME": name}

    def filled(self, value: Any) -> Any:
        text = json.dumps(value)
        for word, name in self.names.items():
            text = re.sub(rf"\b{word}\b", name, text)
        return json.loads(text)

    def prepare(self) -> None:
        for each in self.act.first:
            if each in SETUPS:
                self.faces.api(*self.filled(SETUPS[each][:2]), body=self.filled(SETUPS[each][2]))
            elif each == "token":
                self.faces.api("POST", "/tokens", body={"name": self.names["NAME"], "scope": "read"})
            else:
                self.faces.background.run(self._trouble(each))
        if each := next((row for row in self.faces.api("GET", "/tokens") if row["name"] == self.names["NAME"]), None):
            self.names["TOKEN"] = each["id"]
        if USER in self.act.first:
            keys = self.faces.api("GET", f"/users/{self.names['NAME']}")["settings"]["keys"]
            self.names["KEY"] = keys[-1]["access_key"]

    async def _trouble(self, what: str) -> None:
        """What no face can make: a run that goes on, a key that was given up."""
        state, name = self.faces.state, self.names["NAME"]
        documents = await state.control.documents.all()
        known = next(each for each in self.faces.plans.known(documents) if each.name == name)
        number = await state.replications.ensure(name, known.identity)
        if what == "run":
            await state.runs.begin(number, RunKind.SYNC, {}, Owner.current(), 3600)
            return
        await state.backlog.mark(number, ["k"], live=True)
        for claim in await state.backlog.claim([number], "me", 10, 60):
            await state.backlog.park(claim, "no room")

    def left(self) -> Any:
        """What is on record of it, and what the API shows of it, as if it were the same thing."""
        entry = self.faces.api("GET", "/audit", query={"limit": "1"})["items"][0]
        found = {name: entry[name] for name in ("actor", "action", "subject", "detail")}
        if self.act.shown:
            answer = self.faces.api("GET", self.filled(self.act.shown))
            items = answer.get("items", [answer]) if isinstance(answer, dict) else answer
            found["shown"] = [steady(item) for item in items if self.names["NAME"] in json.dumps(item)]
        text = json.dumps(found)
        for pattern, word in PATTERNS.items():
            text = re.sub(pattern, word, text)
        return json.loads(text.replace(self.names["NAME"], "NAME"))


@pytest.mark.parametrize("operation", ACTS)
def test_what_is_done_leaves_the_same_behind_by_each_face(faces, operation):
    act, left, answers = ACTS[operation], {}, {}
    slug = re.sub(r"\W+", "-", operation.lower()).strip("-")
    for face in ("api", "cli", "page"):
        doer = Doer(faces, act, f"by-{face}-{slug}")
        doer.prepare()
        if face == "api":
            query = doer.filled(act.query)
            answers[face] = faces.api(
                *doer.filled(act.ask), body=doer.filled(act.body), query=query, version=act.version
            )
        elif face == "cli":
            (answers[face],) = faces.cli(*doer.filled(act.verb).split())
        else:
            faces.send(doer.filled(act.page), doer.filled(act.form))
        left[face] = doer.left()
    assert left["cli"] == left["api"]
    assert left["page"] == left["api"]
    # Where the API says more than that it is done, the verb prints the same, or of what was made the new part.
    if (told := answers["api"]) is not None:
        assert (told.get("made") or told).keys() <= answers["cli"].keys()


def test_a_preview_is_the_same_by_each_face(faces):
    places = {"source": "disk:photos", "target": "disk:nothing-yet"}
    found = faces.api("POST", "/replications/preview", body={"name": "preview", "settings": places})
    assert faces.cli("replication", "preview", *places.values()) == [found]
    assert (found["counts"], [line["key"] for line in found["lines"]]) == ({"copy": 1}, ["one"])
    form = {**places, "name": "new", "create": "yes", "update": "yes", "tags": "yes"}
    page = faces.background.run(faces.browser.send("/new", "/new/preview", form))
    assert all(word in html.unescape(page.text) for word in ("one", "1 B would be copied", "All 1 objects"))
