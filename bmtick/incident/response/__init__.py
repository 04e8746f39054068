"""What to do about an account that sends spam: a plan that is data first, and its execution."""
