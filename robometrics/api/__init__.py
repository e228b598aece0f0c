"""MongoDB + JetStream → browser: REST, the live websocket, and the page."""
