"""What the real collector says of itself at /metrics is what Prometheus can read."""

import os
import subprocess
import urllib.request

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families


@pytest.fixture
def metrics(real) -> str:
    url, _ = real
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        return answer.read().decode()


def test_the_metrics_are_openmetrics_to_the_letter(metrics):
    families = list(text_string_to_metric_families(metrics))
    assert len(families) > 5
    for family in families:
        assert family.name.startswith("zonewatch_"), family
        assert family.documentation, family
        assert family.samples, family


def test_promtool_finds_nothing_wrong_with_the_metrics(metrics):
    command = [os.environ["ZONEWATCH_PROMTOOL"], "check", "metrics"]
    checked = subprocess.run(command, input=metrics, capture_output=True, text=True, timeout=60)
    # promtool reads the older text format, where the help of a counter stands under its name with `_total`; in
    # OpenMetrics it stands under the name without. Nothing else may be found.
    said = (checked.stdout + checked.stderr).splitlines()
    wrong = [line for line in said if line and not line.endswith("_total no help text")]
    assert wrong == [], metrics
    assert checked.returncode in (0, 3), "0: nothing found; 3: what was found is above; 1: it cannot be read"
