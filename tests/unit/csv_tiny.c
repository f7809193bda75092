/*
 * The csv format with a buffer so small that every value crosses its edges.
 */
#define ROW_OUT_FLUSH 16
#define ROW_OUT_SPAN  12
#define csv_new       csv_new_tiny
#define csv_written   csv_written_tiny
#define tsv_new       tsv_new_tiny

#include "lib/format/csv.c"
