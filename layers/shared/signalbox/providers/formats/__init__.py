"""What lies beneath several wire formats: how streams are framed, and how JSON that an upstream wrote is believed."""
