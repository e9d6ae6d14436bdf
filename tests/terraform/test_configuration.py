"""What Terraform's own tests cannot see: that nothing was forgotten."""

import re
from itertools import chain

import pytest

from paths import DOCS, TERRAFORM

FOLDERS = sorted({path.parent for path in TERRAFORM.rglob("*.tf")})


def blocks(folder, kind):
    """Each block of a kind in a folder's files, as (label, text)."""
    for path in sorted(folder.glob("*.tf")):
        text = path.read_text()
        for match in re.finditer(rf'^{kind} "([^"]+)"(?: "[^"]+")? {{\n(.*?)^}}', text, re.M | re.S):
            yield match[1], match[2]


def refused():
    """How many runs refuse each variable, by (module, variable)."""
    counts = {}
    for path in (TERRAFORM / "tests").glob("*.tftest.hcl"):
        for run in re.findall(r'^run "[^"]+" {\n(.*?)^}', path.read_text(), re.M | re.S):
            source = re.search(r'source = "\./([^"]+)"', run)
            expected = re.search(r"expect_failures = \[([^\]]*)\]", run)
            for name in re.findall(r"var\.(\w+)", expected[1]) if expected else []:
                key = (source[1] if source else ".", name)
                counts[key] = counts.get(key, 0) + 1
    return counts


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(TERRAFORM)))
def test_every_variable_and_output_says_what_it_is(folder):
    for kind, needed in (("variable", ("description", "type")), ("output", ("description", "value"))):
        for name, text in blocks(folder, kind):
            for attribute in needed:
                assert re.search(rf"^  {attribute} +=", text, re.M), f"{kind} {name} has no {attribute}"


def test_every_validation_refuses_something_in_a_test():
    counts = refused()
    missing = []
    for folder in FOLDERS:
        module = str(folder.relative_to(TERRAFORM))
        for name, text in blocks(folder, "variable"):
            validations = len(re.findall(r"^  validation {", text, re.M))
            if counts.get((module, name), 0) < validations:
                missing.append(f"{module}: {name}: {validations} validations, {counts.get((module, name), 0)} refusals")
    assert not missing, "\n".join(missing)


def test_every_module_is_small_and_begins_by_saying_what_is_true():
    for path in TERRAFORM.rglob("main.tf"):
        lines = path.read_text().splitlines()
        assert lines[0].startswith("# "), f"{path} does not say what it is"
    for path in chain(TERRAFORM.rglob("*.tf"), TERRAFORM.rglob("*.hcl")):
        assert len(path.read_text().splitlines()) < 300, f"{path} is too long"


def test_every_folder_pins_the_same_versions():
    wanted = (TERRAFORM / "versions.tf").read_text()
    for folder in FOLDERS:
        assert (folder / "versions.tf").read_text() == wanted, folder


def test_every_exception_from_a_rule_has_a_reason():
    for path in TERRAFORM.rglob("*.tf"):
        for rule, reason in re.findall(r"#checkov:skip=(\w+)(.*)", path.read_text()):
            assert len(reason) > 20, f"{path}: {rule}"


def test_every_alarm_links_to_a_section_of_the_runbooks():
    sections = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^## (.+)$", (DOCS / "runbooks.md").read_text(), re.M)
    }
    text = "".join(path.read_text() for path in TERRAFORM.rglob("*.tf"))
    linked = set(re.findall(r"runbook_url}#([a-z][a-z-]+)", text)) | set(re.findall(r'runbook = "([a-z-]+)"', text))
    assert linked, "no alarm links anywhere"
    assert linked <= sections, linked - sections
