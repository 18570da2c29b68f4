"""The command line of skewgate. It runs the playbooks of ``skewgate.preflight``."""
