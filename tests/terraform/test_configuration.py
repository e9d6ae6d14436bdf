"""What Terraform's own tests cannot see: that nothing was forgotten."""

import re
from itertools import chain

import pytest

from paths import DOCS, ROOT, TERRAFORM

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


def given():
    """By module: what some run that passes (or the installation on moto) gives; and what each of the runs gives."""
    given, left = {}, {}
    for path in (TERRAFORM / "tests").glob("*.tftest.hcl"):
        text = path.read_text()
        whole = set(
            re.findall(r"^  (\w+) +=", (re.search(r"^variables {\n(.*?)^}", text, re.M | re.S) or [""])[0], re.M)
        )
        for run in re.findall(r'^run "[^"]+" {\n(.*?)^}', text, re.M | re.S):
            if "expect_failures" in run:
                continue
            source = re.search(r'source = "\./([^"]+)"', run)
            module = source[1] if source else "."
            own = re.search(r"^  variables {\n(.*?)^  }", run, re.M | re.S)
            set_here = whole | set(re.findall(r"^    (\w+) +=", own[1], re.M) if own else ())
            given.setdefault(module, set()).update(set_here)
            left.setdefault(module, []).append(set_here - whole)
    moto = (ROOT / "tests" / "terraform" / "moto" / "main.tf").read_text()
    given["."] |= set(re.findall(r"^  (\w+) +=", moto[moto.index('module "zonewatch"') :], re.M))
    return given, left


def test_every_option_is_given_in_one_test_and_left_alone_in_another():
    by_module, left = given()
    missing = []
    for folder in FOLDERS:
        module = str(folder.relative_to(TERRAFORM))
        if module.startswith("examples/"):
            continue
        for name, text in blocks(folder, "variable"):
            if re.search(r"^  default +=", text, re.M):
                if name not in by_module[module]:
                    missing.append(f"{module}: no test gives {name}")
                if all(name in set_here for set_here in left[module]):
                    missing.append(f"{module}: every test gives {name}")
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


def test_every_action_that_a_policy_names_has_a_reason_beside_it():
    """But for those of Terraform itself (ci/actions.tf), of which test_moto.py is the reason."""
    bare = []
    for path in (TERRAFORM / "modules").rglob("*.tf"):
        for line in path.read_text().splitlines():
            # What stands before an equals sign is the key of a condition.
            if re.search(r'"[a-z0-9-]+:[A-Z][A-Za-z]+"(?! +=)', line) and not re.search(r"# \w", line):
                bare.append(f"{path}: {line.strip()}")
    assert not bare, "\n".join(bare)


def test_the_collector_may_do_with_its_table_what_it_does_and_no_more():
    source = "".join(path.read_text() for path in (ROOT / "collector/src/store/dynamodb").rglob("*.rs"))
    calls = set(re.findall(r"\bclient\s*\.(\w+)\(\)", source))
    called = {"dynamodb:" + "".join(word.title() for word in call.split("_")) for call in calls}
    actions = re.search(r"table_actions = \[(.*?)\]", (TERRAFORM / "modules/storage/access.tf").read_text(), re.S)
    assert called == set(re.findall(r'"(dynamodb:\w+)"', actions[1]))
    assert called, "this test reads nothing"
