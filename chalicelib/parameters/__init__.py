"""How an operation declares a parameter: kinds of value, schema, numbers, colour names."""
