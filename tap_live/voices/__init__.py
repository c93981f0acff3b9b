"""Whose voice is it: enrol somebody once, then tell their words from everybody else's."""
