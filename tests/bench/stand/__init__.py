"""What the bench stands on: the machine, the servers, timed contests, tables to print."""
