"""A sosreport, or an archive of Red Hat Insights: what it shows of a node's clock.

The archive comes from a stranger. `archive` takes the few files that are wanted from it, in one
pass and within bounds, and writes nothing to disk. `texts` parses what programs print for people.
`statements` says what that means. Nothing here admits a node.
"""
