"""`signalbox config`: the document that says how to route, from a file to what is live and back."""
