"""Keys of look-up tables, and whether the token being scored is in them."""
