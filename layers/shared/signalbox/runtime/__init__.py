"""The Lambda runtime loop: the managed Python runtime cannot stream."""
