"""A collector whose fold never starts: to tell what taking events in costs from storing them."""

from __future__ import annotations

from unittest.mock import patch

from llmmon_collector.main import main
from llmmon_collector.store.folder import Folder

if __name__ == "__main__":
    with patch.object(Folder, "start"):
        main()
