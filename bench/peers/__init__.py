"""Others' tools that ours is measured against, one a module; ``bench.peers.install`` gets them."""
