"""The file for a node: the check without a token, in one zipapp for Python 3.8 and later.

``python -m skewgate.node_file FOLDER`` makes it from the code that Ansible uses (`build`), and with
``--settings`` the settings for it (`settings`). What is written here for the node alone is in
``on_node``.
"""
