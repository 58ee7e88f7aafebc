"""Read a program: unpack, parse, lower."""
