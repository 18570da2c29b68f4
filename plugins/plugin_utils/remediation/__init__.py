"""Remediation: from what the checks found on a node to a plan of what is changed there. Pure; node_remediate carries it out."""
