"""From Argo CD's log to the nodes whose calls GitHub refuses. Pure: nothing is printed, no file is opened here.

``lines`` reads a line: which pod and node it is from, and what it says. ``pods`` reads the list of pods. ``counting`` counts.
``meaning`` says what the counts mean.
"""
