"""``robometrics up``: the whole product on this host, as child processes."""
