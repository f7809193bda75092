#include "lib/query/compile.h"

#include <string.h>

#include "lib/query/columns.h"
#include "lib/query/compile_part.h"

/* ---- select */

/* Every column, where none was asked for. */
static void select_all(struct compile *c)
{
	const struct catalog_table *t = c->scope->tables[0].table;
	struct query *q = c->query;

	if (q->select_n)
		return;
	q->select = arena_zero(compile_arena(c), t->columns_n + 1, sizeof *q->select);
	for (size_t i = 0; i < t->columns_n; i++) {
		struct expr *x = arena_zero(compile_arena(c), 1, sizeof *x);

		*x = (struct expr){ .op = EXPR_COLUMN, .text = t->columns[i].name, .where = "" };
		q->select[i].expr = x;
	}
	q->select_n = t->columns_n;
}

static int put_outputs(struct compile *c, struct expr_compiler *x, struct parts *p, struct err *e)
{
	const struct query *q = c->query;

	p->outputs = arena_zero(compile_arena(c), q->select_n + 1, sizeof *p->outputs);
	x->may_aggregate = true;
	for (size_t i = 0; i < q->select_n; i++) {
		if (expr_value(x, q->select[i].expr, NULL, &p->outputs[i], e) < 0)
			return -1;
		p->is_grouped = p->is_grouped || p->outputs[i].has_aggregate;
	}
	x->may_aggregate = false;
	return 0;
}

/* ---- group by, having, filter */

static bool is_grouped(const struct query *q)
{
	if (q->group_by_n || q->having)
		return true;
	for (size_t i = 0; i < q->select_n; i++)
		if (expr_aggregates(q->select[i].expr))
			return true;
	for (size_t i = 0; i < q->sort_n; i++)
		if (expr_aggregates(q->sort[i].expr))
			return true;
	return false;
}

static int put_groups(struct compile *c, struct expr_compiler *x, struct parts *p, struct err *e)
{
	const struct query *q = c->query;
	struct buf b = { 0 };
	int status = 0;

	for (size_t i = 0; status == 0 && i < q->group_by_n; i++) {
		struct term t;

		status = expr_value(x, q->group_by[i], NULL, &t, e);
		if (status < 0)
			break;
		buf_printf(&b, "%s%s", i ? ", " : "", t.sql);
		keyset_add_group(&p->keys, compile_arena(c), &t);
	}
	if (q->group_by_n) {
		p->group_by = arena_strdup(compile_arena(c), buf_str(&b));
		p->is_grouped = true;
	}
	buf_free(&b);
	return status;
}

static int put_having(struct compile *c, struct expr_compiler *x, struct parts *p, struct err *e)
{
	struct term t;

	if (!c->query->having)
		return 0;
	x->may_aggregate = true;
	if (expr_condition(x, c->query->having, &t, e) < 0)
		return -1;
	x->may_aggregate = false;
	/* What has no aggregate would be moved to where the rows are chosen, and fail on another tenant's. */
	p->having = scope_has_tenants(c->scope)
			    ? arena_printf(compile_arena(c), "CASE WHEN count(*) >= 0 THEN %s END",
				      t.sql)
			    : t.sql;
	p->is_grouped = true;
	return 0;
}

static int put_filter(struct compile *c, struct expr_compiler *x, struct parts *p, struct err *e)
{
	struct term t;
	bool is_after_groups = x->is_after_groups;

	if (!c->query->filter)
		return 0;
	x->is_after_groups = false;
	if (expr_condition(x, c->query->filter, &t, e) < 0)
		return -1;
	x->is_after_groups = is_after_groups;
	p->where = t.sql;
	return 0;
}

/* The range of a page of a table that is cut by its key. */
static void put_page(struct compile *c, struct parts *p)
{
	const struct compile_page *page = c->page;
	struct scope_table *from = &c->scope->tables[0];
	struct page_predicate predicate;

	if (!page)
		return;
	struct page_key key = *page->key;

	key.column = scope_put_column(
		c->scope, from, catalog_column(from->table, from->table->primary_key->name));
	page_predicate(
		compile_arena(c), &key, page->bounds, page->number, (int)p->sql.n + 1, &predicate);
	for (size_t i = 0; i < predicate.params_n; i++)
		sql_param(&p->sql, predicate.params[i], i ? "page end" : "page begin");
	p->where = p->where ? arena_printf(compile_arena(c), "%s AND %s", predicate.sql, p->where)
			    : predicate.sql;
}

/* ---- sort */

/* An output's name before a column's. */
static const struct term *find_output(
	const struct compile *c, const struct parts *p, const struct expr *x)
{
	const struct query *q = c->query;

	for (size_t i = 0; x->op == EXPR_COLUMN && i < q->select_n; i++)
		if (!strcmp(q->select[i].name, x->text))
			return &p->outputs[i];
	return NULL;
}

static int put_sort(struct compile *c, struct expr_compiler *x, struct parts *p, struct err *e)
{
	const struct query *q = c->query;

	x->may_aggregate = true;
	for (size_t i = 0; i < q->sort_n; i++) {
		const struct sort *s = &q->sort[i];
		const struct term *found = find_output(c, p, s->expr);
		struct term t;

		x->where = s->expr->where;
		if (found)
			t = *found;
		else if (expr_value(x, s->expr, NULL, &t, e) < 0)
			return -1;
		if (!kind_is_ordered(t.kind))
			return err_set(e, ERR_BAD_REQUEST,
				"%s has no order to sort by: cast it to text", kind_name(t.kind));
		if (t.has_aggregate && !p->is_grouped)
			p->is_grouped = true;
		keyset_add(&p->keys, compile_arena(c), &t, s->descending,
			s->nulls == NULLS_DEFAULT ? s->descending : s->nulls == NULLS_FIRST);
	}
	x->may_aggregate = false;
	return 0;
}

/* Rows that are counted off come in the same order for each page only where equal ones look the same. */
static void put_outputs_order(struct compile *c, struct parts *p)
{
	for (size_t i = 0; i < c->query->select_n; i++)
		if (p->outputs[i].kind != KIND_OTHER && kind_is_ordered(p->outputs[i].kind))
			keyset_add(&p->keys, compile_arena(c), &p->outputs[i], false, false);
}

/* What makes the order one of all rows: so that limited results are the same each time, and cursors go on. */
static void put_tie_break(struct compile *c, struct parts *p)
{
	struct scope_table *from = &c->scope->tables[0];
	const struct catalog_table *t = from->table;
	bool wanted = c->cursor || c->page || c->query->limit >= 0 || c->query->offset > 0;

	if (!wanted)
		return;
	if (p->is_grouped) {
		keyset_add_groups(&p->keys, compile_arena(c));
		p->keys.is_total = true;
	} else if (t->primary_key && t->unique_key &&
		   !strcmp(t->primary_key->name, t->unique_key->name)) {
		const struct catalog_column *key = catalog_column(t, t->primary_key->name);
		struct term term = { .sql = scope_put_column(c->scope, from, key),
			.kind = kind_of(key->base_type),
			.type = key->base_type,
			.nullable = key->nullable,
			.is_from_outside = key->is_from_outside,
			.column = key,
			.tables = 1 };

		keyset_add(&p->keys, compile_arena(c), &term, false, false);
		p->keys.is_total = true;
	} else if (t->order_by) {
		struct term term = {
			.sql = scope_put_key(c->scope), .kind = KIND_OTHER, .nullable = true
		};

		/* Not shown, or not known to be unique: an order, but no cursor. */
		keyset_add(&p->keys, compile_arena(c), &term, false, false);
	}
	if (c->cursor && c->query->sort_n && !p->keys.is_total)
		put_outputs_order(c, p);
}

static int put_all(struct compile *c, struct parts *p, struct err *e)
{
	struct expr_compiler x = {
		.scope = c->scope, .sql = &p->sql, .is_after_groups = is_grouped(c->query)
	};

	p->sql.arena = compile_arena(c);
	select_all(c);
	if (columns_name(compile_arena(c), c->query->select, c->query->select_n, e) < 0) {
		c->where = "/select";
		return -1;
	}
	int status = put_outputs(c, &x, p, e) < 0 || put_groups(c, &x, p, e) < 0 ||
				     put_having(c, &x, p, e) < 0 || put_filter(c, &x, p, e) < 0 ||
				     put_sort(c, &x, p, e) < 0
			     ? -1
			     : 0;

	c->where = x.where;
	if (status == 0) {
		put_page(c, p);
		put_tie_break(c, p);
	}
	return status;
}

/* ---- the statement */

/* How an output leaves. A cast for the sake of the cast, not of the text, which is what the server sends of jsonb either way: a cast is
 * computed where the rows are scanned, by the parallel workers of a plan, but what is sent is made by its
 * leader alone, and making jsonb's text is what such an export takes its time for. */
static const char *leaving(struct compile *c, struct parts *p, const struct term *t)
{
	if (t->column && catalog_is_nested(t->column) && !c->nested_as_text) {
		p->is_dear = true;
		return arena_printf(compile_arena(c), "to_json(%s)", t->sql);
	}
	if (t->kind == KIND_JSONB) {
		p->is_dear = true;
		return arena_printf(compile_arena(c), "%s::text", t->sql);
	}
	return t->sql;
}

void compile_put_core(struct compile *c, struct parts *p, const char *from, const char *more,
	bool keys, struct buf *b)
{
	const struct query *q = c->query;

	buf_puts(b, "SELECT ");
	for (size_t i = 0; i < q->select_n; i++)
		buf_printf(b, "%s%s AS o%zu", i ? ", " : "", leaving(c, p, &p->outputs[i]), i);
	for (size_t i = 0; keys && i < p->keys.n; i++)
		buf_printf(b, "%s%s AS s%zu", q->select_n + i ? ", " : "",
			p->keys.items[i].term.sql, i);
	buf_printf(b, " FROM %s", from);
	if (p->where || more)
		buf_printf(b, " WHERE %s%s%s", p->where ? p->where : "",
			p->where && more ? " AND " : "", more ? more : "");
	if (p->group_by)
		buf_printf(b, " GROUP BY %s", p->group_by);
	if (p->having)
		buf_printf(b, " HAVING %s", p->having);
}

static void fill(const struct compile *c, const struct parts *p, struct compiled *out)
{
	const struct query *q = c->query;

	out->outputs_n = q->select_n;
	out->outputs = arena_zero(compile_arena(c), q->select_n + 1, sizeof *out->outputs);
	out->is_grouped = p->is_grouped;
	out->by_values = c->cursor && keyset_is_by_values(&p->keys);
	if (c->cursor)
		compile_fill_keys(c, p, out);
	for (size_t i = 0; i < q->select_n; i++) {
		const struct term *t = &p->outputs[i];
		const struct keyset_item *first = p->keys.n ? &p->keys.items[0] : NULL;

		out->outputs[i] = (struct compiled_output){
			.name = q->select[i].name,
			.kind = t->kind,
			.column = t->column,
			.nullable = t->nullable,
			.is_ordered =
				first && t->column && !first->descending && !first->nulls_first &&
				(!strcmp(first->term.sql, t->sql) ||
					(!strcmp(first->term.sql, "t0.k") && !t->column->mask &&
						!strcmp(t->column->name,
							c->scope->tables[0]
								.table->order_by->name) &&
						t->tables == 1)),
		};
	}
}

int compile_query(struct compile *c, struct compiled *out, struct err *e)
{
	struct parts p = { 0 };
	struct buf b = { 0 };

	*out = (struct compiled){ 0 };
	if (put_all(c, &p, e) < 0)
		return -1;
	if (c->after && c->after->offset < 0 &&
		(c->after->values_n != p.keys.n || !keyset_is_by_values(&p.keys)))
		return err_set(e, ERR_BAD_REQUEST, "page.after is no token for this query");
	const char *from = scope_from(c->scope, &p.sql);

	if (c->cursor) {
		compile_put_cursor(c, &p, from, &b);
	} else {
		compile_put_core(c, &p, from, NULL, false, &b);
		keyset_put_order(&p.keys, &b, NULL);
		compile_put_limit(c, &b, true);
	}
	sql_finish(&p.sql, arena_strdup(compile_arena(c), buf_str(&b)), &out->statement);
	out->statement.parallel = p.is_dear && !c->page && c->query->limit < 0;
	buf_free(&b);
	fill(c, &p, out);
	return 0;
}

/* What a count needs and no more: a parameter that is in no part of the statement would be an error. */
static int put_counted(struct compile *c, struct parts *p, struct err *e)
{
	struct expr_compiler x = {
		.scope = c->scope, .sql = &p->sql, .is_after_groups = is_grouped(c->query)
	};
	struct parts all = { 0 };

	if (put_all(c, &all, e) < 0)
		return -1;
	p->sql.arena = compile_arena(c);
	p->is_grouped = all.is_grouped;
	if (p->is_grouped && (put_outputs(c, &x, p, e) < 0 || put_groups(c, &x, p, e) < 0 ||
				     put_having(c, &x, p, e) < 0))
		return -1;
	if (put_filter(c, &x, p, e) < 0)
		return -1;
	put_page(c, p);
	return 0;
}

int compile_count(struct compile *c, int64_t most, struct statement *st, struct err *e)
{
	struct parts p = { 0 };
	struct buf b = { 0 };

	if (put_counted(c, &p, e) < 0)
		return -1;
	const char *from = scope_from(c->scope, &p.sql);

	buf_puts(&b, "SELECT count(*) FROM (");
	if (p.is_grouped) {
		compile_put_core(c, &p, from, NULL, false, &b);
	} else {
		buf_printf(&b, "SELECT 1 FROM %s", from);
		if (p.where)
			buf_printf(&b, " WHERE %s", p.where);
	}
	if (most < INT64_MAX)
		buf_printf(&b, " LIMIT %lld", (long long)most + 1);
	buf_puts(&b, ") AS counted");
	sql_finish(&p.sql, arena_strdup(compile_arena(c), buf_str(&b)), st);
	buf_free(&b);
	return 0;
}

/* What to_json writes as a word, a number or a string. */
static bool element_type(const struct catalog_column *c, enum type *type)
{
	static const struct {
		const char *name;
		enum type type;
	} simple[] = { { "bool", TYPE_BOOL }, { "int2", TYPE_INT16 }, { "int4", TYPE_INT32 },
		{ "int8", TYPE_INT64 }, { "float4", TYPE_FLOAT32 }, { "float8", TYPE_FLOAT64 },
		{ "text", TYPE_UTF8 }, { "varchar", TYPE_UTF8 }, { "bpchar", TYPE_UTF8 },
		{ "name", TYPE_UTF8 }, { "citext", TYPE_UTF8 } };

	for (size_t i = 0; c->json == JSON_LIST && c->element && i < sizeof simple / sizeof *simple;
		i++)
		if (!strcmp(simple[i].name, c->element)) {
			*type = simple[i].type;
			return true;
		}
	return false;
}

static void name_field(struct field *f, const struct compiled_output *o)
{
	const struct catalog_column *c = o->column;

	f->name = o->name;
	f->nullable = o->nullable;
	f->is_ordered = o->is_ordered;
	if (!c) {
		f->source_type = type_name(f->type);
		if (o->kind == KIND_JSONB)
			f->type = TYPE_JSON;
		return;
	}
	f->masked = c->mask != MASK_NONE;
	f->source_type = c->source_type;
	/* Which has the layout of text; that of one format is no other schema. */
	if (c->json != JSON_TEXT)
		f->type = TYPE_JSON;
	f->json = c->json;
	f->is_list = element_type(c, &f->element);
}

void compiled_schema(struct arena *a, const struct compiled *c, const struct schema *described,
	struct schema *named)
{
	named->n = c->outputs_n;
	named->fields = arena_zero(a, c->outputs_n + 1, sizeof *named->fields);
	for (size_t i = 0; i < c->outputs_n && i < described->n; i++) {
		named->fields[i] = described->fields[i];
		name_field(&named->fields[i], &c->outputs[i]);
	}
}
