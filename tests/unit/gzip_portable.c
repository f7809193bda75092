/*
 * The gzip sink by zlib, also where it is built with ISA-L.
 */
#define GZIP_PORTABLE
#define gzip_sink_new gzip_sink_new_portable

#include "lib/sink/gzip.c"
