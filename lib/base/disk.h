/*
 * Disk: what is common to all who write files for others to wait for.
 */
#ifndef SLUICE_BASE_DISK_H
#define SLUICE_BASE_DISK_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the file system of fd is so full that its last room should be left to others: a twentieth of it, or a
 * gigabyte where that is less. */
bool disk_is_nearly_full(int fd);

/* Write all of it where the file's offset stands, whatever interrupts; -1 with errno. */
int disk_write(int fd, const void *data, size_t len);

/* The same, but whole pages at the start of a page (in memory and in the file) go past the kernel's page cache, where the file
 * system can do that (O_DIRECT): they cost no copy, and push out nothing that a database on the same machine keeps there. */
int disk_write_direct(int fd, const void *data, size_t len);

#endif
