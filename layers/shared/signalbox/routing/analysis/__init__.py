"""What a configuration promises before anybody asks it for anything: availability, diversity, entropy, and the worst that can come."""
