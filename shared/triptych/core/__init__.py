"""What everything speaks of: items, errors, names, settings."""
