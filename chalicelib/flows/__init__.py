"""The two flows: an original came, changed or went (prerender); a derivative is wanted (on_demand)."""
