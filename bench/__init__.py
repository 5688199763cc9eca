"""What Signalbox costs, by ratio within one run: the machines that measure are shared and noisy."""
