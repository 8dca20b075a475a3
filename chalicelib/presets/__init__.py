"""presets.yaml: reads it, names the line of every mistake, and gives the derivatives of an original."""
