"""The two flows: an original was uploaded, replaced or removed (prerender); a derivative is requested (on_demand)."""
