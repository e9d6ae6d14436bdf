"""Where things are in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TERRAFORM = ROOT / "terraform"
WORKFLOWS = ROOT / ".github" / "workflows"
KUBERNETES = ROOT / "kubernetes"
DOCS = ROOT / "docs" / "aws"
