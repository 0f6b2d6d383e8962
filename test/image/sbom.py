"""Validates a bill of materials, read from standard input, against the strict schema of CycloneDX 1.6; prints why not."""

import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
if fault is not None:
    sys.exit(f"{fault.data.json_path}: {fault.data.message}")
