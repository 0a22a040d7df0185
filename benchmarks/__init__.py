"""Measures FolioQL beside the same work written by hand."""
