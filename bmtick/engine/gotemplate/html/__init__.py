"""Contextual escaping: Go's ``html/template``, without JavaScript."""
