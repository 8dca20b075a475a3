"""Pixels in, encoded bytes out: the only package that imports Wand."""
