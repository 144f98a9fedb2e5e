"""Media: untrusted bytes in, checked arrays and strings out. Limits are enforced here."""
