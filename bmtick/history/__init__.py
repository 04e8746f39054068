"""InfluxDB in and out."""
