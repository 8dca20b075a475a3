"""Where an operator keeps keys, and the signed URLs made with them."""
