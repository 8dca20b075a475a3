"""presets.yaml: reads it, reports every mistake with its line, and lists the derivatives of an original."""
