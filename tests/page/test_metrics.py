"""What the real collector says at /metrics and /metrics/probes is what Prometheus can read."""

import os
import subprocess
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

OPEN = "application/openmetrics-text; version=1.0.0"


def get(url: str, accept: str) -> tuple[str, str]:
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def test_the_metrics_are_openmetrics_to_the_letter(real):
    url, _ = real
    kind, text = get(url + "/metrics", OPEN)
    assert kind.startswith(OPEN)
    families = list(text_string_to_metric_families(text))
    assert len(families) > 5
    for family in families:
        assert family.name.startswith(("zonewatch_", "process_", "runtime_")), family
        assert family.documentation, family
        assert family.samples, family


@pytest.mark.parametrize("route", ["/metrics", "/metrics/probes"])
def test_promtool_finds_nothing_wrong(real, route):
    url, _ = real
    kind, text = get(url + route, "*/*")
    assert kind.startswith("text/plain; version=0.0.4")
    command = [os.environ["ZONEWATCH_PROMTOOL"], "check", "metrics"]
    checked = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, ""), text


def test_the_alert_rules_do_what_their_tests_say():
    command = [os.environ["ZONEWATCH_PROMTOOL"], "test", "rules", "examples/prometheus/rules.test.yml"]
    tested = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    command = [os.environ["ZONEWATCH_PROMTOOL"], "check", "config", "examples/prometheus/prometheus.yml"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
