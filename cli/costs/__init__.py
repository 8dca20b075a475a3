"""Prices, and models of cost and scale."""
