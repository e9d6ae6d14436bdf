"""What a workflow may do, and whose code it runs."""

import re

import pytest
import yaml

from paths import WORKFLOWS

FILES = sorted(WORKFLOWS.glob("*.yml"))


def workflow(path):
    # YAML 1.1 reads the key "on" as true.
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit_and_say_which_version_that_is(path):
    for line in re.findall(r"uses: .*", path.read_text()):
        assert re.fullmatch(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_is_pinned_to_the_same_commit_everywhere():
    pins = {}
    for path in FILES:
        for action, commit in re.findall(r"uses: ([^@]+)@(\w+)", path.read_text()):
            pins.setdefault(action, set()).add(commit)
    assert all(len(commits) == 1 for commits in pins.values()), pins


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_job_reads_the_code_and_at_most_proves_who_it_is(path):
    whole = workflow(path)
    for name, job in whole["jobs"].items():
        permissions = job.get("permissions", whole.get("permissions"))
        assert permissions is not None, f"{name} has whatever the repository's default is"
        assert permissions.items() <= {"contents": "read", "id-token": "write"}.items(), f"{name}: {permissions}"
        assert job["timeout-minutes"] <= 90, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_workflow_runs_strangers_code_with_rights(path):
    whole = workflow(path)
    assert "pull_request_target" not in whole[True] and "workflow_run" not in whole[True]
    for job in whole["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "an expression in a script is code that others may write"
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_who_changes_aws_waits_for_an_environment_s_reviewers():
    images, deploy = workflow(WORKFLOWS / "images.yml"), workflow(WORKFLOWS / "deploy.yml")
    assert images["jobs"]["image"]["environment"] == "release"
    assert deploy["jobs"]["apply"]["environment"] == "production"
    assert "environment" not in deploy["jobs"]["plan"], "its role is for pull requests, and reads"


def test_images_are_for_both_architectures_with_their_papers_and_signed_by_digest():
    steps = workflow(WORKFLOWS / "images.yml")["jobs"]["image"]["steps"]
    build = next(step["with"] for step in steps if "build-push-action" in step.get("uses", ""))
    assert build["platforms"] == "linux/amd64,linux/arm64"
    assert build["sbom"] is True and build["provenance"] == "mode=max" and build["push"] is True
    assert "latest" not in build["tags"]
    assert any("cosign sign" in step.get("run", "") and "@$DIGEST" in step["run"] for step in steps)
    assert not any("qemu" in step.get("uses", "") for step in steps), "it is compiled across, not emulated"


def test_what_others_wrote_is_audited_when_it_changes_and_every_week():
    audit = workflow(WORKFLOWS / "audit.yml")
    for event in ("push", "pull_request"):
        assert {"Cargo.lock", "deny.toml"} <= set(audit[True][event]["paths"])
    assert audit[True]["schedule"], "a vulnerability becomes known without a change of ours"
    runs = [step.get("run", "") for step in audit["jobs"]["dependencies"]["steps"]]
    assert "cargo deny --locked check" in runs, "advisories, licences, bans and sources: all of it"
