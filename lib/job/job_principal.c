#include "lib/job/job_principal.h"

#include <json-c/json.h>

static const char *text_of(struct arena *a, struct json_object *doc, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(doc, name, &value) && value
		       ? arena_strdup(a, json_object_get_string(value))
		       : NULL;
}

int job_principal_read(const struct settings *s, struct arena *a, const char *json,
	struct principal *p, const char **purpose, struct err *e)
{
	struct json_object *doc = json_tokener_parse(json), *claims;
	int status = -1;

	*p = (struct principal){ 0 };
	if (json_object_object_get_ex(doc, "claims", &claims)) {
		status = principal_read(s, claims, a, p, e);
		p->subject = text_of(a, doc, "subject");
		p->issuer = text_of(a, doc, "issuer");
		p->claims = arena_strdup(
			a, json_object_to_json_string_ext(claims, JSON_C_TO_STRING_PLAIN));
		*purpose = text_of(a, doc, "purpose");
	} else {
		err_set(e, ERR_INTERNAL, "the job does not tell whose it is");
	}
	json_object_put(doc);
	return status;
}
