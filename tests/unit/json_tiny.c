/*
 * The JSON formats with a buffer so small that every value crosses its edges.
 */
#define ROW_OUT_FLUSH            16
#define ROW_OUT_SPAN             12
#define json_new                 json_new_tiny
#define ndjson_new               ndjson_new_tiny
#define json_written             json_written_tiny
#define json_text_escape         json_text_escape_tiny
#define json_text_flatten        json_text_flatten_tiny
#define json_text_lone_surrogate json_text_lone_surrogate_tiny

#include "lib/format/json_text.c"
#include "lib/format/json.c"
