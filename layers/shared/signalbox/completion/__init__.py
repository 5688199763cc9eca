"""One completion on its way: asked → admitted → journey (its flights) → answer → settled."""
