"""Access control: signatures, their keys, the access mode and the ladder."""
