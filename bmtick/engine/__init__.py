"""An embedded engine for TICKscripts: points in, alert events out; time comes from the data."""
