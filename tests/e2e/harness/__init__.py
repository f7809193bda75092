"""What the end-to-end tests stand on: a private PostgreSQL, tokens, pools of workers, web servers, a client."""
