"""Who may ask for what: signatures, their keys, the access mode and the ladder."""
