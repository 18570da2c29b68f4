"""The command line of skewgate: it drives the playbooks of the collection ``skewgate.preflight``."""
