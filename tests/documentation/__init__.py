"""Every fenced block of the documentation is run, checked,
or in a table that says why it cannot be.
"""
