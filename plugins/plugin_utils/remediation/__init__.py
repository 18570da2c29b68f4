"""Remediation: from the findings of a node to a plan of its changes.

Pure; node_remediate carries it out.
"""
