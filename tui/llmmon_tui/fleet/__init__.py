"""Several collectors shown as one."""
