"""Tells which configurations shmpipeline accepts: a JSON list of YAML texts comes in, a list of lists of complaints goes out.

What `shmpipeline validate` does with a file: load it, then check graph and plugins. Any exception is a refusal, since the command
ends with it.
"""

import json
import logging
import sys
import tempfile
import warnings
from pathlib import Path

from shmpipeline.config import PipelineConfig
from shmpipeline.graph import validate_pipeline_config

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


def complaints(path, text):
    path.write_text(text, encoding="utf-8")
    try:
        errors = validate_pipeline_config(PipelineConfig.from_yaml(path))
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
    return errors


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "pipeline.yaml"
    json.dump([complaints(path, text) for text in json.load(sys.stdin)], sys.stdout)
