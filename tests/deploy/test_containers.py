"""The image and the Compose file: linted, their commands exist, their configuration is right."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml
from tests.deploy.conftest import DEPLOY, check_command

from brigade.config.load import Loaded, examine_config

ROOT = DEPLOY.parent
COMPOSE = DEPLOY / "compose"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")


def services() -> dict[str, dict]:
    return yaml.safe_load((COMPOSE / "compose.yaml").read_text(encoding="utf-8"))["services"]


def brigades() -> dict[str, dict]:
    return {name: each for name, each in services().items() if "Containerfile" in str(each.get("build"))}


def test_the_containerfile_has_no_lint():
    ran = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), DEPLOY / "Containerfile"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (0, "")


def test_what_the_image_copies_is_let_through_to_the_build():
    copied = re.findall(r"^COPY (?:--chmod=\d+ )?(?!--from)(\S+) ", CONTAINERFILE, flags=re.MULTILINE)
    let_through = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert f"!{path}" in let_through or any(f"!{parent}" in let_through for parent in Path(path).parents), path


def test_the_image_runs_as_nobody_in_particular_and_pins_what_it_installs():
    assert re.search(r"^USER 10001:10001$", CONTAINERFILE, flags=re.MULTILINE)
    assert "--require-hashes" in CONTAINERFILE
    final = CONTAINERFILE.split("FROM")[-1]
    assert "pip install" not in final
    entry = re.findall(r"^(?:ENTRYPOINT|CMD) (\[.*\])$", CONTAINERFILE, flags=re.MULTILINE)
    assert [yaml.safe_load(each) for each in entry] == [["brigade"], ["run", "--log-json"]]
    check_command(yaml.safe_load(entry[1]))


def test_the_image_has_the_extras():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    locked = (ROOT / "requirements" / "image.lock").read_text(encoding="utf-8")
    for requirements in extras.values():
        for requirement in requirements:
            name = re.split(r"[^\w.-]", requirement)[0].lower().replace("_", "-")
            assert re.search(rf"^{name}==", locked, flags=re.MULTILINE), name


def test_the_python_of_the_image_is_that_of_its_lock():
    (version,) = re.findall(r"^ARG PYTHON=(\d+\.\d+)-", CONTAINERFILE, flags=re.MULTILINE)
    locked = (ROOT / "requirements" / "image.lock").read_text(encoding="utf-8")
    assert f"with Python {version}" in locked
    assert set(re.findall(r"python(3\.\d+)/", CONTAINERFILE)) == {version}


def test_each_role_has_a_service_that_may_do_little():
    found = brigades()
    assert set(found) == {"gateway", "worker", "agent", "api"}
    for name, service in found.items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["command"][:2] == ["run", name]
        check_command(service["command"])
        assert int(service["stop_grace_period"].removesuffix("s")) > 30


def test_every_file_that_compose_names_is_there_or_is_told_to_be_made():
    text = (COMPOSE / "compose.yaml").read_text(encoding="utf-8")
    made = {"./postgres-password", ".env"}
    mounted = [volume.split(":")[0] for each in services().values() for volume in each.get("volumes", [])]
    for path in [*mounted, "./postgres-password", ".env"]:
        if path.startswith("."):
            assert path in made or (COMPOSE / path).exists(), path
    for path in made:
        assert path.removeprefix("./") in text.split("name: brigade")[0]


def test_the_configuration_of_compose_is_right(tmp_path: Path):
    names = re.findall(r"^(\w+)=", (COMPOSE / "example.env").read_text(encoding="utf-8"), flags=re.MULTILINE)
    secret = tmp_path / "postgres-password"
    secret.write_text("0123abcd")
    text = (COMPOSE / "brigade.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(names)
    file = tmp_path / "brigade.yaml"
    file.write_text(text.replace("/run/secrets/postgres-password", str(secret)))
    found = examine_config(file, dict.fromkeys(names, "https://s3.example"))
    assert isinstance(found, Loaded), found
    ports = {str(port).split(":")[-1] for each in brigades().values() for port in each.get("ports", [])}
    config = found.config
    assert ports == {str(each.listen[1]) for each in (config.gateway, config.webhook, config.api)}
