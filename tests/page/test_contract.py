"""Whatever schemathesis asks of a real collector: no 5xx, and no answer but those that the OpenAPI document has."""

import subprocess
import sys
from pathlib import Path

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = "15"


def test_no_request_gets_a_5xx_or_an_answer_outside_the_document(real, tmp_path):
    url, _ = real
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", url + "/api/v1/openapi.json"]
    command += ["--checks", CHECKS, "--max-examples", EXAMPLES, "--phases", "examples,coverage,fuzzing"]
    # A stream of events has no end; asking everywhere has its limit in a minute, and tests of its own.
    command += ["--exclude-path", "/api/v1/events", "--request-timeout", "30", "--seed", "1", "--no-color"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
