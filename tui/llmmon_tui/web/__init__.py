"""The screen in a browser: a server on loopback that runs one process for each tab."""
