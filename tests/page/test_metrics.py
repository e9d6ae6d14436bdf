"""What the real collector says of itself at /metrics is what Prometheus can read."""

import os
import subprocess
import urllib.request


def test_promtool_finds_nothing_wrong_with_the_metrics(real):
    url, _ = real
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        metrics = answer.read()
    assert metrics.count(b"# TYPE zonewatch_") > 5
    promtool = os.environ["ZONEWATCH_PROMTOOL"]
    checked = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True, timeout=60)
    said = (checked.stdout + checked.stderr).decode()
    assert checked.returncode == 0, f"{said}\n{metrics.decode()}"
