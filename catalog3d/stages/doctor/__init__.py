"""`catalog3d doctor`: the free checks, one module a subject, and the paid one in `live`."""
