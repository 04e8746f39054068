"""Respond to an account or machine that sends spam: plan the steps, then execute them."""
