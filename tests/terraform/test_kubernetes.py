"""The manifests, as kustomize would make them of these files, against Kubernetes' own schemas.

`built` gives what `kubectl kustomize kubernetes` gave when it was written; kubectl is no test dependency."""

import json

import kubernetes_validate
import pytest
import yaml

from paths import KUBERNETES, ROOT


def read(path):
    """The documents of a file. What an alias repeats becomes a copy, so that changing one does not change the other."""
    return [json.loads(json.dumps(document)) for document in yaml.safe_load_all(path.read_text()) if document]


def patched(document, patch):
    """RFC 6902, as far as it is used here: `add` to an object, or to the end of a list."""
    for operation in yaml.safe_load(patch):
        assert operation["op"] == "add"
        *parents, last = operation["path"].split("/")[1:]
        at = document
        for key in parents:
            at = at[int(key) if isinstance(at, list) else key]
        if last == "-":
            at.append(operation["value"])
        else:
            at[last] = operation["value"]


def pod_of(document):
    return document.get("spec", {}).get("template", {}).get("spec", {})


def labelled(document, label):
    document["metadata"].setdefault("labels", {}).update(label["pairs"])
    if label.get("includeSelectors"):
        document["spec"]["selector"]["matchLabels"].update(label["pairs"])
        for constraint in pod_of(document).get("topologySpreadConstraints", []):
            constraint["labelSelector"]["matchLabels"].update(label["pairs"])
        if "template" in document["spec"]:
            document["spec"]["template"]["metadata"]["labels"].update(label["pairs"])


def built(folder):
    """What `kustomize build` gives, as far as its features are used here. Anything else is an error."""
    about = read(folder / "kustomization.yaml")[0]
    known = {
        "apiVersion",
        "kind",
        "namespace",
        "labels",
        "resources",
        "configMapGenerator",
        "images",
        "nameSuffix",
        "patches",
    }
    assert about.keys() <= known, about.keys() - known
    documents = []
    for resource in about["resources"]:
        path = (folder / resource).resolve()
        documents += built(path) if path.is_dir() else read(path)
    for generated in about.get("configMapGenerator", []):
        assert generated["options"] == {"disableNameSuffixHash": True}
        data = {name: (folder / name).read_text() for name in generated["files"]}
        documents.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generated["name"]}, "data": data}
        )
    for document in documents:
        document["metadata"]["name"] += about.get("nameSuffix", "")
        if "namespace" in about:
            document["metadata"]["namespace"] = about["namespace"]
        for label in about.get("labels", []):
            labelled(document, label)
        for patch in about.get("patches", []):
            if patch["target"]["kind"] == document["kind"]:
                patched(document, patch["patch"])
        for image in about.get("images", []):
            for container in pod_of(document).get("containers", []):
                if container["image"] == image["name"]:
                    container["image"] += f":{image['newTag']}"
    return documents


@pytest.fixture(scope="module")
def documents():
    return built(KUBERNETES)


def of(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def test_every_document_is_what_kubernetes_takes(documents):
    for document in documents:
        kubernetes_validate.validate(document, "1.37", strict=True)


def test_every_zone_has_a_deployment_of_as_many_agents_that_runs_nowhere_else(documents):
    agents = of(documents, "Deployment")
    zones = [agent["spec"]["template"]["spec"]["nodeSelector"]["topology.kubernetes.io/zone"] for agent in agents]
    assert zones == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    assert {agent["spec"]["replicas"] for agent in agents} == {2}
    for agent, zone in zip(agents, zones, strict=True):
        variables = agent["spec"]["template"]["spec"]["containers"][0]["env"]
        assert {"name": "ZONEWATCH_ZONE", "value": zone} in variables
        assert (
            agent["spec"]["selector"]["matchLabels"].items() <= agent["spec"]["template"]["metadata"]["labels"].items()
        )
        assert agent["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert len({str(agent["spec"]["selector"]) for agent in agents}) == 3, "a deployment must not count another's pods"


def test_a_disruption_takes_one_agent_of_a_zone_at_a_time(documents):
    budgets = of(documents, "PodDisruptionBudget")
    selectors = [agent["spec"]["selector"] for agent in of(documents, "Deployment")]
    assert [budget["spec"]["selector"] for budget in budgets] == selectors
    assert all(budget["spec"]["maxUnavailable"] == 1 for budget in budgets)


def test_pods_are_hardened_bounded_and_asked_whether_they_live(documents):
    for workload in of(documents, "Deployment") + of(documents, "StatefulSet"):
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 10001
        assert pod["automountServiceAccountToken"] is False
        assert pod["terminationGracePeriodSeconds"] >= 30, "they drain for 25 s"
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert container["livenessProbe"] and container["readinessProbe"]
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


def test_nobody_gets_to_an_agent_and_only_agents_to_their_port(documents):
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of(documents, "NetworkPolicy")}
    assert "ingress" not in policies["agents"] and policies["agents"]["policyTypes"] == ["Ingress"]
    (rule,) = policies["collector"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "zonewatch-agent"}}}]


def test_the_target_file_is_the_sample():
    assert (KUBERNETES / "targets.csv").read_bytes() == (ROOT / "examples" / "targets.csv").read_bytes()
