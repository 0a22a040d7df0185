"""Pages served from our own files: nothing here loads anything from another host."""
