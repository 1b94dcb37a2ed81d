"""Programs that run: loaded, checked against the eager engine, fed, trained, saved; and what the user holds."""
