"""Parameters of operations: kinds of values, schema, numbers, colour names."""
