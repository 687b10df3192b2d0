/* SPDX-License-Identifier: MIT */
#include "feature/failing.h"

#include "base/buf.h"

/* "totalValue is a string (\"abc\"), sum() needs a number". */
int failing_value(const char *name, struct value v, const char *aggregate, const struct error *what, struct error *why)
{
	struct buf b = BUF_INIT;

	value_show_short(v, &b);
	error_set(why, "%.200s is %s%s%s%s, %s() %s", name, value_kind(v), b.len ? " (" : "", b.len ? buf_text(&b) : "",
	    b.len ? ")" : "", aggregate, what->text);
	buf_release(&b);
	return -1;
}

bool failing_step(struct record *r, const struct spec_step *step, const struct error *why)
{
	record_fail(r, INVALID_DATA, "%s %.300s: %s", step->is_require ? "require" : "feature", step->text, why->text);
	return false;
}

/* "require totalValue > 0 failed: totalValue is -3". */
bool failing_require(struct record *r, const struct spec_step *step, const struct expr_scope *scope)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < step->n_shown && b.len < 300; i++) {
		const struct expr_ref *ref = &step->shown[i].ref;
		struct value v = (ref->where == EXPR_LOCAL ? scope->locals : scope->slots)[ref->index];
		buf_format(&b, "%s%s is ", i ? ", " : ": ", step->shown[i].text);
		if (v.type == VALUE_STRING && v.len > 60)
			v.len = 60;
		if (v.type == VALUE_MISSING || v.type > VALUE_STRING)
			buf_add_text(&b, value_kind(v));
		else
			value_show(v, &b);
	}
	record_fail(r, INVALID_DATA, "require %.300s failed%s", step->text, b.len ? buf_text(&b) : "");
	buf_release(&b);
	return false;
}
