"""The client tools: ``llmmon snapshot``, ``status``, ``tail``, ``query``, ``replay``, ``demo``.

They talk to a collector through its sockets and need click (``pip install 'llmmon[cli]'``).
"""
