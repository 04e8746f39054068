"""The guard measured: time per request, mail that got out, innocents hit, beside its peers."""
