/*
 * The csv format without SSE2, and with a buffer so small that every value crosses its edges.
 */
#define BLOCK_PORTABLE
#define ROW_OUT_FLUSH 16
#define ROW_OUT_SPAN  12
#define csv_new       csv_new_portable
#define csv_written   csv_written_portable
#define tsv_new       tsv_new_portable

#include "lib/format/csv.c"
