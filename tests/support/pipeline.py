"""What most tests share: where the buckets are, and a few small presets."""

import boto3
import pytest
from botocore.config import Config

from chalicelib.decoding.source import Source

BACKENDS = ("memory", "moto", "embedded")

PRESETS = """
formats: [webp]
defaults: {q: 75}
presets:
  small: {w: 40, auto: format}
  square: {w: 30, h: 30, fit: crop, fm: png}
  set: {widths: [20, 60], fm: jpg}
"""
"""Few and small: these render in a moment."""

NAMES = ["w=20.jpg", "w=30,h=30,fit=crop.png", "w=40.jpg", "w=40.webp", "w=60.jpg"]
"""What these presets come to for an original named .jpg."""

on_every_store = pytest.mark.parametrize("backend", BACKENDS, indirect=True)


def sources(body, key="cat.jpg"):
    """What a rendering starts from."""
    return [Source(key, body)]


def client_of(endpoint):
    options = Config(s3={"addressing_style": "path"}, max_pool_connections=32, connect_timeout=2, read_timeout=20)
    return boto3.client("s3", endpoint_url=endpoint, config=options)
