"""Deploy alerts to a Kapacitor: plan (pure), apply, roll back."""
