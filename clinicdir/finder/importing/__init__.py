"""Import of address points and places: one module a format, all read as streams."""
