"""The Helm chart: its templates name what there is, and what they render is what Kubernetes and Brigade expect.

Rendering needs `helm`; where it is not installed, only the text of the templates is checked.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.deploy.conftest import DEPLOY, check_command

from brigade import __version__
from brigade.config.load import Loaded, examine_config
from brigade.control.metric_table import METRICS

CHART = DEPLOY / "helm" / "brigade"
TEMPLATES = sorted((CHART / "templates").iterdir())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
EVERYTHING = [
    "--set=autoscaling.gateway.enabled=true",
    "--set=autoscaling.worker.enabled=true",
    "--set=podMonitor.enabled=true",
    "--set=secrets.files=files",
]


def value_at(path: str) -> object:
    found = VALUES
    for name in path.split("."):
        assert isinstance(found, dict), path
        assert name in found, path
        found = found[name]
    return found


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_each_value_that_a_template_names_is_there(template: Path):
    for path in re.findall(r"\$?\.Values\.([A-Za-z.]+[A-Za-z])", template.read_text(encoding="utf-8")):
        value_at(path)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_what_a_template_begins_it_ends(template: Path):
    actions = re.findall(r"{{-?\s*(\w+)", template.read_text(encoding="utf-8"))
    assert sum(each in ("if", "range", "with", "define") for each in actions) == actions.count("end")


def test_each_part_that_is_included_is_defined():
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
    assert set(re.findall(r'include "([\w.]+)"', text)) == set(re.findall(r'define "([\w.]+)"', text))


def test_the_chart_is_of_this_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == __version__


def test_the_default_configuration_is_right_and_listens_where_the_services_point(tmp_path: Path):
    file = tmp_path / "brigade.yaml"
    file.write_text(yaml.safe_dump(VALUES["config"]))
    names = re.findall(r"\$\{(\w+)\}", file.read_text())
    found = examine_config(file, dict.fromkeys(names, "long enough"))
    assert isinstance(found, Loaded), found
    config = found.config
    ports = {name: port for role in VALUES["roles"].values() for name, port in role["ports"].items()}
    assert ports == {
        "s3": config.gateway.listen[1],
        "webhook": config.webhook.listen[1],
        "api": config.api.listen[1],
    }
    assert VALUES["metricsPort"] == config.metrics.listen[1]


def test_workers_are_scaled_by_a_metric_that_is_there():
    text = (CHART / "templates" / "autoscaling.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"brigade_\w+", text)) <= {metric.name for metric in METRICS}


def helm(*arguments: str | Path) -> str:
    # Beside this Python, too: there `make servers` builds it.
    found = shutil.which("helm") or shutil.which("helm", path=Path(sys.executable).parent)
    if found is None:
        pytest.skip("helm is not installed here: the templates were not rendered")
    ran = subprocess.run([found, *arguments], check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def rendered(*options: str) -> list[dict]:
    text = helm("template", "release", CHART, "--kube-version", "1.31.0", *options)
    return [document for document in yaml.safe_load_all(text) if document]


def test_helm_finds_nothing_wrong_with_the_chart():
    helm("lint", "--strict", CHART, *EVERYTHING)


@pytest.mark.parametrize("options", [[], EVERYTHING], ids=["as it is", "everything"])
def test_each_role_is_a_deployment_with_probes_and_little_to_do_harm_with(options: list[str]):
    documents = rendered(*options)
    deployments = {each["metadata"]["name"]: each for each in documents if each["kind"] == "Deployment"}
    assert set(deployments) == {f"release-brigade-{role}" for role in ("gateway", "worker", "agent", "api")}
    for deployment in deployments.values():
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        check_command(container["args"])
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert container["readinessProbe"]["httpGet"]["path"].startswith("/readyz")
        ports = {port["name"] for port in container["ports"]}
        assert container["livenessProbe"]["httpGet"]["port"] in ports
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    services = {each["metadata"]["name"]: each for each in documents if each["kind"] == "Service"}
    for name, service in services.items():
        (container,) = deployments[name]["spec"]["template"]["spec"]["containers"]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= {
            port["name"] for port in container["ports"]
        }


def test_what_is_scaled_has_no_number_of_its_own():
    deployments = {
        each["metadata"]["name"]: each["spec"] for each in rendered(*EVERYTHING) if each["kind"] == "Deployment"
    }
    assert "replicas" not in deployments["release-brigade-gateway"]
    assert "replicas" not in deployments["release-brigade-worker"]
    assert deployments["release-brigade-agent"]["replicas"] == 1


def test_the_configuration_arrives_as_it_was_given():
    (config,) = [each for each in rendered() if each["kind"] == "ConfigMap"]
    assert yaml.safe_load(config["data"]["brigade.yaml"]) == VALUES["config"]
