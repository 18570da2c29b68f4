"""The testinfra suite: what a node in service must have.

The wheel ships it as the package ``skewgate.acceptance``.

pytest --pyargs skewgate.acceptance --hosts=ansible://all
--ansible-inventory=INVENTORY --force-ansible

The inventory has the gate's settings. docs/how-to/verify-with-testinfra.md shows more.
"""
