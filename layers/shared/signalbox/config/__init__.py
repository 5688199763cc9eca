"""routing.yaml: checked, compiled to a flat snapshot, published as an immutable version."""
