"""Writes docs/operations.md, docs/configuration.md, docs/cost.md and docs/scale.md, one module for each page."""
