/*
 * The xml format with a buffer so small that every value crosses its edges.
 */
#define ROW_OUT_FLUSH        16
#define ROW_OUT_SPAN         12
#define xml_new              xml_new_tiny
#define xml_json_free        xml_json_free_tiny
#define xml_json_put         xml_json_put_tiny
#define xml_text_escape      xml_text_escape_tiny
#define xml_text_escape_long xml_text_escape_long_tiny
#define xml_text_next        xml_text_next_tiny
#define xml_text_put         xml_text_put_tiny

#include "lib/format/xml_text.c"
#include "lib/format/xml_json.c"
#include "lib/format/xml.c"
