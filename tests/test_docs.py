"""What can be used is documented, and what is documented exists."""

from __future__ import annotations

import inspect
import json
import re
from importlib import import_module
from pathlib import Path

import pytest
import typer

from brigade import errors
from brigade.cli.main import INTERRUPTED, VERBS
from brigade.cli.store_fidelity import table
from brigade.clock import SystemClock
from brigade.config.api import ApiSection
from brigade.config.feeds import QueueSection, WebhookSection
from brigade.config.gateway import GatewaySection, KeySection, RouteSection, TlsSection, UserSection
from brigade.config.model import Config
from brigade.config.observing import LogSection, MetricsSection, TracesSection
from brigade.config.problems import STORE_SECTIONS
from brigade.config.replications import ReplicationSection
from brigade.control import verdict
from brigade.control.fidelity import all_pairs
from brigade.control.health import CHECKS
from brigade.control.metric_table import METRICS
from brigade.control.report_file import report_line
from brigade.control.verdict import summary
from brigade.engine.report import ActionKind, DifferenceStatus, Outcome, RunResult
from brigade.objects import Proof
from brigade.wiring.typical import typical_capabilities

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"

SECTIONS = [
    Config,
    ReplicationSection,
    *STORE_SECTIONS.values(),
    GatewaySection,
    ApiSection,
    TlsSection,
    UserSection,
    RouteSection,
    KeySection,
    WebhookSection,
    QueueSection,
    MetricsSection,
    LogSection,
    TracesSection,
]

# Steps on the way to a decision, never the outcome of an object.
INNER_ACTIONS = {ActionKind.EXAMINE_CONTENT, ActionKind.EXAMINE_ATTRIBUTES}


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """The text below each second-level heading."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def words(text: str) -> set[str]:
    """What stands between backquotes, with the alternatives of a cell apart."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return {word for quoted in re.findall(r"`([^`]+)`", prose) for word in re.split(r"\\?\|", quoted)}


def commands() -> dict[str, typer.core.TyperCommand]:
    found = {}
    for name, verb in VERBS.items():
        command = typer.main.get_command(import_module(f"brigade.cli.{verb.module}").app)
        below = getattr(command, "commands", None)
        found |= (
            {f"brigade {name} {sub}": each for sub, each in below.items()} if below else {f"brigade {name}": command}
        )
    return found


def options(command: typer.core.TyperCommand) -> set[str]:
    return {
        option
        for parameter in command.params
        if not getattr(parameter, "hidden", False)
        for option in [*parameter.opts, *parameter.secondary_opts]
        if option.startswith("-") and option not in ("--help", "-h")
    }


def test_each_verb_has_a_section_and_no_other_is_described():
    described = {title for title in sections(page("cli.md")) if title.startswith("brigade ")}
    assert described == set(commands())


@pytest.mark.parametrize(("title", "command"), commands().items(), ids=str)
def test_each_option_is_described_and_no_other_is(title: str, command: typer.core.TyperCommand):
    described = {word for word in words(sections(page("cli.md"))[title]) if re.fullmatch(r"--?[A-Za-z-]+", word)}
    # A verb may be explained by the option of another one.
    every = {option for each in commands().values() for option in options(each)}
    assert options(command) <= described
    assert described <= every


def test_the_help_is_as_the_documentation_says():
    for title, command in commands().items():
        for parameter in command.params:
            assert parameter.help, f"{title}: {parameter.name} says nothing of itself"


def test_the_keys_of_the_summary_are_described():
    assert set(summary(RunResult())) <= words(sections(page("cli.md"))["brigade sync"])


def test_the_statuses_of_a_diff_are_described():
    assert set(DifferenceStatus) <= words(sections(page("cli.md"))["brigade diff"])


@pytest.mark.parametrize(
    ("title", "model"),
    [
        ("Top level", Config),
        ("Replications", ReplicationSection),
        *(("Gateway", model) for model in (GatewaySection, UserSection, RouteSection, KeySection)),
        ("Webhook", WebhookSection),
        ("Stores of type `s3`", QueueSection),
        ("Metrics", MetricsSection),
        ("Log", LogSection),
        ("Traces", TracesSection),
        *((f"Stores of type `{name}`", model) for name, model in STORE_SECTIONS.items()),
    ],
)
def test_each_key_of_the_configuration_is_described(title: str, model: type):
    text = sections(page("config.md"))
    common = text["Stores of every type"] if title.startswith("Stores") else ""
    assert set(model.model_fields) <= words(text[title] + common)


def test_each_key_that_is_described_exists():
    known = {key for model in SECTIONS for key in model.model_fields}
    for title, text in sections(page("config.md")).items():
        first_cells = re.findall(r"^\| (`[^|]+) \|", text, flags=re.MULTILINE)
        assert words(" ".join(first_cells)) <= known, title


def test_each_key_has_words_for_the_schema():
    silent = [
        f"{model.__name__}.{name}"
        for model in SECTIONS
        for name, field in model.model_fields.items()
        if not field.description and name != "type"
    ]
    assert not silent


def test_the_example_configuration_is_right(tmp_path: Path):
    from brigade.config.load import Loaded, examine_config

    (example,) = re.findall(r"```yaml\n(.*?)```", page("config.md"), flags=re.DOTALL)
    (tmp_path / "secret").write_text("x")
    example = example.replace("/run/secrets/minio", str(tmp_path / "secret"))
    (tmp_path / "brigade.yaml").write_text(example)
    environment = dict.fromkeys(("CEPH_KEY", "CEPH_SECRET", "MINIO_KEY"), "x")
    assert isinstance(examine_config(tmp_path / "brigade.yaml", environment), Loaded)


def error_classes() -> dict[str, type[errors.BrigadeError]]:
    return {
        name: each
        for name, each in vars(errors).items()
        if inspect.isclass(each) and issubclass(each, errors.BrigadeError)
    }


def test_each_error_stands_in_the_table_with_its_place_in_the_tree():
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\| (yes|no) \| (\d) \|", page("errors.md"), flags=re.MULTILINE)
    described = {name: (base.strip(" `"), again == "yes", int(code)) for name, base, again, code in rows}
    actual = {
        name: (
            "" if each is errors.BrigadeError else each.__bases__[0].__name__,
            each.retry is errors.Retry.MAYBE,
            each.exit_code,
        )
        for name, each in error_classes().items()
    }
    assert described == actual


def test_the_tree_at_the_top_of_the_errors_is_whole():
    drawn = set(re.findall(r"[─ ]([A-Z]\w+)", (errors.__doc__ or "").split("Whether")[0]))
    assert set(error_classes()) <= drawn


def test_each_exit_code_is_described():
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", page("exit-codes.md"), flags=re.MULTILINE)}
    used = {each.exit_code for each in error_classes().values()}
    assert codes == used | {verdict.IN_STEP, verdict.NOT_IN_STEP, verdict.REFUSED, INTERRUPTED}


def test_the_report_is_described_whole():
    described = words(page("report.md"))
    line = report_line(Outcome("key", ActionKind.COPY, "reason", Proof.ETAG, 1))
    assert set(json.loads(line)) <= described
    assert set(ActionKind) - INNER_ACTIONS <= described
    assert set(Proof) <= described


def test_each_metric_stands_in_the_table_with_its_type_and_labels():
    rows = re.findall(r"^\| `(brigade_\w+)` \| (\w+) \|([^|]*)\| (.+) \|$", page("metrics.md"), flags=re.MULTILINE)
    described = {name: (kind, tuple(re.findall(r"`(\w+)`", labels)), text) for name, kind, labels, text in rows}
    assert described == {metric.name: (metric.kind, metric.labels, metric.words) for metric in METRICS}


def test_each_label_and_each_check_of_health_is_described():
    labels = {label for metric in METRICS for label in metric.labels} - {"version", "python"}
    assert labels | set(CHECKS) <= words(page("metrics.md"))


def test_each_field_of_the_log_is_described():
    described = words(page("logs.md"))
    for module in ("control/object_log.py", "gateway/account.py", "cli/logs.py"):
        text = (ROOT / "src" / "brigade" / module).read_text(encoding="utf-8")
        logged = set(re.findall(r'^ {8,}"(\w+)": ', text, flags=re.MULTILINE)) | set(
            re.findall(r'"event": "(\w+)"', text)
        )
        assert logged <= described, module


def test_links_between_documents_lead_somewhere():
    broken = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert not broken


def test_make_targets_that_are_described_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)`", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named
    assert named <= targets


def test_the_fidelity_of_each_pair_of_types_is_as_the_page_says():
    text = (ROOT / "docs" / "stores" / "fidelity.md").read_text(encoding="utf-8")
    lines = table(all_pairs(typical_capabilities(SystemClock())))
    assert "\n".join(lines) in text, "run `brigade store fidelity` and put what it prints into the page"
