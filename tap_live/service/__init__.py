"""One engine, many readers: events over WebSocket, a caption page and files over HTTP."""
