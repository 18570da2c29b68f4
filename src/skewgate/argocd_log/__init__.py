"""From Argo CD's log to the nodes whose calls GitHub refuses. Pure: no file, no output.

``lines`` reads a line: its pod, its node and its failure. ``pods`` reads the list of pods.
``counting`` counts.
``meaning`` says what the counts mean.
"""
