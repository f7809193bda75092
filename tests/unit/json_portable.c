/*
 * The JSON formats without SSE2, and with a buffer so small that every value crosses its edges.
 */
#define BLOCK_PORTABLE
#define ROW_OUT_FLUSH            16
#define ROW_OUT_SPAN             12
#define json_new                 json_new_portable
#define ndjson_new               ndjson_new_portable
#define json_written             json_written_portable
#define json_text_escape         json_text_escape_portable
#define json_text_flatten        json_text_flatten_portable
#define json_text_lone_surrogate json_text_lone_surrogate_portable

#include "lib/format/json_text.c"
#include "lib/format/json.c"
