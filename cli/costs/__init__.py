"""Prices, and the models of cost and scale."""
