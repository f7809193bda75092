#include "lib/web/front.h"

#include <stdlib.h>
#include <string.h>

bool front_needs_length(const struct request *rq)
{
	const char *protocol = request_env(rq, "SERVER_PROTOCOL");
	const char *front = request_env(rq, "SLUICE_FRONT");

	if (!front)
		front = getenv("SLUICE_FRONT");
	return (front && !strcmp(front, "mod_fcgid")) ||
	       (protocol && !strcmp(protocol, "HTTP/1.0"));
}
