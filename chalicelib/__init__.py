"""imgy: images prepared for the web, on their owner's account."""

__version__ = "0.1.0"
