"""What holds for the project as a whole: its versions, its targets, its image, a test beside every source file."""

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

import guard

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
DOCKERFILE = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
INSTRUCTIONS = re.findall(r"^([A-Z]+) (.+)$", DOCKERFILE, re.MULTILINE)

# Source files that need no test file of their own, and why.
UNMIRRORED = {
    "admin/action.py": "values only; tests/admin/test_table.py holds each of them against the listener",
    "admin/answer.py": "values only; tests/admin/test_gate.py hears them",
    "admin/call.py": "values only; tests/admin/test_gate.py makes calls with every header that is read there",
    "admin/shapes.py": "values only; tests/admin/test_openapi.py holds them against what is served",
    "config.py": "values only; the tests of settings read files into them",
    "counts.py": "values only; tests/proxy/test_tally.py counts real exchanges with them",
    "control/provenance.py": "one line; tests of admin/resources see it in each measure",
    "control/errors.py": "one exception; every test of guard/control sees it raised",
    "exchange.py": "values only; every test of a stage fills one in",
    "measures.py": "values only; tests/custody/test_measures.py folds the control log into them",
    "worker.py": "tests/flow/test_reload.py and test_measures.py run it as processes, with what changes meanwhile",
    "ruleset/document.py": "tests/ruleset/test_bundle.py reads whole folders of right and wrong rules through it",
    "ruleset/folder.py": "likewise",
    "ruleset/problem.py": "likewise; its words are asserted there",
    "ruleset/rule.py": "likewise; and rules/ is tested rule by rule",
    "ruleset/hyperscan_engine.py": "tests/ruleset/test_engine.py holds both engines to the same verdicts",
    "ruleset/portable_engine.py": "likewise",
    "refusal.py": "one exception; every test of a stage sees it raised",
}


def targets() -> dict[str, str]:
    """The Makefile's targets with what each one depends on."""
    return dict(re.findall(r"^([\w./-][\w./ -]*?):(?!=)[ ]*([^=\n]*)$", MAKEFILE, re.MULTILINE))


def arguments(instruction: str) -> list[str]:
    """What each such line of the Dockerfile says after the instruction's name."""
    return [rest for name, rest in INSTRUCTIONS if name == instruction]


def sources() -> list[str]:
    """Every module of the guard that has code in it, as a path inside guard/."""
    paths = sorted((ROOT / "guard").rglob("*.py"))
    return [
        str(path.relative_to(ROOT / "guard"))
        for path in paths
        if re.search(r"^(async )?(def|class) ", path.read_text(), re.M)
    ]


def test_version_agrees():
    """pyproject.toml, the package and the newest heading of the changelog give one version."""
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert PROJECT["project"]["version"] == guard.__version__ == newest[1]


def test_licence_is_the_whole_apache_licence():
    """LICENSE holds the text that pyproject.toml names, from its title to its appendix."""
    text = (ROOT / "LICENSE").read_text()
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("requirement", PROJECT["project"]["dependencies"])
def test_dependency_is_bounded(requirement):
    """A dependency has a lower and an upper bound; one that counts by the calendar has only the lower."""
    calendar = re.search(r">=20\d\d", requirement)
    assert re.match(r"[\w-]+>=[\d.]+" if calendar else r"[\w-]+>=[\d.]+,<\d", requirement)


def test_ruff_exemptions_say_why():
    """Each rule that is switched off in pyproject.toml has its reason beside it."""
    section = (ROOT / "pyproject.toml").read_text().partition("[tool.ruff.lint]")[2].partition("[tool.mypy]")[0]
    exemptions = re.findall(r'^    "[A-Z]+\d*",.*$', section.partition("ignore = [")[2], re.MULTILINE)
    assert exemptions
    assert [line for line in exemptions if not re.search(r"# \w+", line)] == []


@pytest.mark.parametrize("target", ["demo", "test", "lint", "types", "load", "users"])
def test_make_target_sets_itself_up(target):
    """A target that runs something depends on the environment it runs in."""
    assert targets()[target].startswith(".venv/.")


def test_make_targets_are_listed():
    """The list at the top of the Makefile names all targets and no other."""
    listed = re.findall(r"^#   make (\w+)", MAKEFILE, re.MULTILINE)
    assert sorted(listed) == sorted(targets()[".PHONY"].split())


def test_nothing_is_compiled():
    """Every installation takes wheels only."""
    installs = re.findall(r"\$\(PIP\) .*", MAKEFILE)
    assert installs
    assert [line for line in installs if "$(WHEELS)" not in line] == []
    assert "WHEELS := --only-binary :all:" in MAKEFILE


def test_ci_runs_the_tests_first():
    """.ci/run can be executed and makes the tests, then style, types and the tests that take long."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "for target in test lint types slow" in script.read_text()


def test_image_is_slim():
    """Every stage of the image starts from a slim base."""
    bases = [line.split()[0] for line in arguments("FROM")]
    assert len(bases) == 2
    assert [base for base in bases if not base.endswith("-slim")] == []


def test_image_runs_as_nobody_in_particular():
    """The image's user is a number (so that a cluster can check it) and not root."""
    (user,) = arguments("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_image_checks_its_health_without_tools():
    """The health check asks /readyz with Python, since a slim image has no curl."""
    (check,) = arguments("HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    assert "http://127.0.0.1:8080/readyz" in command[2]
    compile(command[2], "HEALTHCHECK", "exec")


def test_image_writes_only_to_its_volume():
    """State has a volume, and nothing is compiled to bytecode at run time, so the root file system can be read-only."""
    assert arguments("VOLUME") == ['["/var/lib/guard"]']
    assert arguments("WORKDIR")[-1] == "/var/lib/guard"
    assert "PYTHONDONTWRITEBYTECODE=1" in DOCKERFILE


def test_image_serves_on_the_contract_ports():
    """The image starts `guard serve` and names the data and the admin port."""
    assert arguments("EXPOSE") == ["8080 8081"]
    assert arguments("ENTRYPOINT") == ['["guard"]']
    assert arguments("CMD") == ['["serve"]']


def test_image_is_built_from_files_that_exist():
    """Everything copied from here is here, and .dockerignore lets it through."""
    copies = [line.split()[:-1] for line in arguments("COPY") if not line.startswith("--from")]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for path in {path for paths in copies for path in paths}:
        assert (ROOT / path).exists()
        assert f"!{path}" in allowed


def test_image_is_built_by_the_makefile():
    """The image's build runs the Makefile's own target, and no pip of its own."""
    called = re.findall(r"\bmake (\w+)", "\n".join(arguments("RUN")))
    assert called == ["install"]
    assert "install" in targets()
    assert "pip install" not in DOCKERFILE


@pytest.mark.parametrize("source", [path for path in sources() if path not in UNMIRRORED])
def test_source_has_its_test(source):
    """A source file has a test file at the same place under tests/."""
    path = Path(source)
    name = f"test_{path.parent.name}.py" if path.name == "__init__.py" else f"test_{path.name}"
    mirrored = path.parent / name
    assert (ROOT / "tests" / mirrored).exists(), f"guard/{source} has no tests/{mirrored}"


def test_unmirrored_sources_exist():
    """The list of source files without a test names only files that are there."""
    assert [path for path in UNMIRRORED if not (ROOT / "guard" / path).exists()] == []
