/* SPDX-License-Identifier: MIT */
#include "expr/show.h"

#include <stdio.h>
#include <string.h>

#include "expr/builtin.h"
#include "expr/token.h"

/* What binds how strongly; the parser's levels. */
enum { LEVEL_OR, LEVEL_AND, LEVEL_NOT, LEVEL_COMPARISON, LEVEL_SUM, LEVEL_PRODUCT, LEVEL_UNARY, LEVEL_PRIMARY };

struct shower {
	struct buf *out;
	const struct expr *(*local)(void *, int);
	void *self;
	size_t room;		/* for messages: no more than this; 0: everything */
};

/*
 * Around a node: the least level that needs no parentheses; whether something follows within the same parentheses, which
 * an open `where` would take in; whether a comma would end the node, which `by a, b` would take in.
 */
struct around {
	int level;
	bool follows, in_list;
};

static const struct around alone = { LEVEL_OR, false, false }, item = { LEVEL_OR, false, true };

static const struct { const char *text; int level; } operators[] = {
	[OP_NEGATE] = { "-", LEVEL_UNARY },
	[OP_ADD] = { "+", LEVEL_SUM },
	[OP_SUBTRACT] = { "-", LEVEL_SUM },
	[OP_MULTIPLY] = { "*", LEVEL_PRODUCT },
	[OP_DIVIDE] = { "/", LEVEL_PRODUCT },
	[OP_REMAINDER] = { "%", LEVEL_PRODUCT },
	[OP_LESS] = { "<", LEVEL_COMPARISON },
	[OP_LESS_EQUAL] = { "<=", LEVEL_COMPARISON },
	[OP_GREATER] = { ">", LEVEL_COMPARISON },
	[OP_GREATER_EQUAL] = { ">=", LEVEL_COMPARISON },
	[OP_EQUAL] = { "==", LEVEL_COMPARISON },
	[OP_NOT_EQUAL] = { "!=", LEVEL_COMPARISON },
	[OP_IN] = { "in", LEVEL_COMPARISON },
	[OP_NOT] = { "not", LEVEL_NOT },
	[OP_AND] = { "and", LEVEL_AND },
	[OP_OR] = { "or", LEVEL_OR },
};

static void show(struct shower *, const struct expr *, struct around);

/* From the step `from` on.  A name with which a path begins is quoted where it is a reserved word; `behind` a value none is
 * the first. */
static void steps(const struct fieldpath *path, size_t from, bool behind, struct buf *out)
{
	for (size_t i = from; i < path->n; i++) {
		const struct step *s = &path->steps[i];
		struct fieldpath one = { s, 1 };
		const bool begins = i == 0 && !behind;

		if (s->kind == STEP_NAME && begins && token_is_reserved(s->name, s->len)) {
			buf_format(out, "[\"%s\"]", s->name);
		} else if (s->kind == STEP_NAME) {
			size_t start = out->len;

			fieldpath_show(&one, out);
			if (!begins && out->data[start] != '[') {
				buf_add_byte(out, '.');
				memmove(out->data + start + 1, out->data + start, out->len - 1 - start);
				out->data[start] = '.';
			}
		} else if (s->kind == STEP_INDEX) {
			buf_format(out, "[%u]", (unsigned)s->index);
		} else {
			buf_add_text(out, "[*]");
		}
	}
}

void show_path(const struct fieldpath *path, struct buf *out)
{
	steps(path, 0, false, out);
}

static void duration(const char *before, int64_t ns, struct buf *out)
{
	char text[EVENTTIME_SHOW_MAX];

	eventtime_duration_show(ns, text);
	buf_add_text(out, before);
	buf_add_text(out, text);
}

static void kids(struct shower *s, const struct expr *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_text(s->out, ", ");
		show(s, v[i], item);
	}
}

static bool has_clauses(const struct expr_call *call)
{
	return call->window != WINDOW_ALL || call->half_life || call->exclude_current || call->n_by || call->where;
}

/* What stands for an expression: a local's own, where locals are shown inlined. */
static const struct expr *inlined(const struct shower *s, const struct expr *e)
{
	const bool is_local = e->op == OP_LOCAL || (e->op == OP_DEEP && e->in_local);

	return is_local && s->local ? s->local(s->self, e->index) : NULL;
}

/* A path, or in parentheses what an earlier feature stands for. */
static void show_by(struct shower *s, const struct expr *e)
{
	const struct expr *first = inlined(s, e), *last = e, *more;

	for (more = first; more && last->op == OP_LOCAL; more = inlined(s, last))
		last = more;
	const bool is_path = last->form == OP_PATH && !inlined(s, last);
	if (!is_path)
		buf_add_byte(s->out, '(');
	show(s, e, alone);
	if (!is_path)
		buf_add_byte(s->out, ')');
}

static void call(struct shower *s, const struct expr_call *call, struct around a)
{
	struct buf *out = s->out;

	buf_add_text(out, call->kind->name);
	buf_add_byte(out, '(');
	kids(s, call->args, call->n_args);
	buf_add_byte(out, ')');
	switch (call->window) {
	case WINDOW_ALL:
		break;
	case WINDOW_LAST:
		buf_format(out, " over last %u", (unsigned)call->last);
		break;
	case WINDOW_SLIDING:
		duration(" over ", call->width, out);
		break;
	case WINDOW_PANES:
		duration(" over ", call->width, out);
		duration(" every ", call->every, out);
		break;
	case WINDOW_TUMBLING:
		duration(" over tumbling ", call->width, out);
		break;
	case WINDOW_SESSION:
		duration(" over session ", call->width, out);
		break;
	}
	if (call->offset)
		duration(" offset ", call->offset, out);
	if (call->half_life)
		duration(" decay ", call->half_life, out);
	if (call->exclude_current)
		buf_add_text(out, " exclude current");
	for (size_t i = 0; i < call->n_by; i++) {
		buf_add_text(out, i ? ", " : " by ");
		show_by(s, call->by[i]);
	}
	if (call->where) {
		buf_add_text(out, " where ");
		show(s, call->where, (struct around){ LEVEL_OR, false, a.in_list });
	}
}

/* Looking into a value that is not a path: calls without clauses can do without parentheses. */
static void looked_into(struct shower *s, const struct expr *e)
{
	if (e->form == OP_FUNCTION || (e->form == OP_CALL && !has_clauses(e->call))) {
		show(s, e, alone);
		return;
	}
	buf_add_byte(s->out, '(');
	show(s, e, alone);
	buf_add_byte(s->out, ')');
}

static void path(struct shower *s, const struct expr *e, struct around a)
{
	const struct expr *own = inlined(s, e);

	if (!own) {
		steps(&e->path, 0, false, s->out);
	} else if (e->op == OP_DEEP) {
		looked_into(s, own);
		steps(&e->path, e->resolved, false, s->out);
	} else {
		show(s, own, a);
	}
}

static int level_of(const struct expr *e, struct around a)
{
	switch (e->form) {
	case OP_CONSTANT:
		return value_is_number(e->value) && value_double(e->value) < 0 ? LEVEL_UNARY : LEVEL_PRIMARY;
	case OP_CALL:
		if ((e->call->where && a.follows) || (e->call->n_by > 1 && a.in_list))
			return -1;
		return LEVEL_PRIMARY;
	case OP_DURATION:
	case OP_WORD:
	case OP_LIST:
	case OP_PATH:
	case OP_LOOK:
	case OP_FUNCTION:
		return LEVEL_PRIMARY;
	default:
		return operators[e->form].level;
	}
}

static void binary(struct shower *s, const struct expr *e, struct around a)
{
	int level = operators[e->form].level;
	struct around left = { level, true, a.in_list }, right = { level + 1, a.follows, a.in_list };

	if (level == LEVEL_COMPARISON)
		left.level = LEVEL_SUM;
	show(s, e->kids[0], left);
	buf_format(s->out, " %s ", operators[e->form].text);
	show(s, e->kids[1], right);
}

static void junction(struct shower *s, const struct expr *e, struct around a)
{
	for (unsigned i = 0; i < e->n; i++) {
		bool last = i + 1 == e->n;

		if (i)
			buf_format(s->out, " %s ", operators[e->form].text);
		show(s, e->kids[i], (struct around){ operators[e->form].level + 1, last ? a.follows : true, a.in_list });
	}
}

static void show(struct shower *s, const struct expr *e, struct around a)
{
	struct buf *out = s->out;

	if (s->room && out->len >= s->room)
		return;
	if (e->form == OP_PATH) {
		path(s, e, a);
		return;
	}
	if (level_of(e, a) < a.level) {
		buf_add_byte(out, '(');
		show(s, e, alone);
		buf_add_byte(out, ')');
		return;
	}
	switch (e->form) {
	case OP_CONSTANT:
		value_show(e->value, out);
		break;
	case OP_DURATION:
		duration("", e->value.integer, out);
		break;
	case OP_WORD:
		buf_add(out, e->value.text, e->value.len);
		break;
	case OP_LIST:
		buf_add_byte(out, '[');
		kids(s, (const struct expr *const *)e->kids, e->n);
		buf_add_byte(out, ']');
		break;
	case OP_CALL:
		call(s, e->call, a);
		break;
	case OP_LOOK:
		looked_into(s, e->kids[0]);
		steps(&e->path, 0, true, out);
		break;
	case OP_FUNCTION:
		buf_add_text(out, e->function->row.name);
		buf_add_byte(out, '(');
		kids(s, (const struct expr *const *)e->kids, e->n);
		buf_add_byte(out, ')');
		break;
	case OP_NEGATE:
		buf_add_byte(out, '-');
		show(s, e->kids[0], (struct around){ LEVEL_UNARY, a.follows, a.in_list });
		break;
	case OP_NOT:
		buf_add_text(out, "not ");
		show(s, e->kids[0], (struct around){ LEVEL_NOT, a.follows, a.in_list });
		break;
	case OP_IN:
		show(s, e->kids[0], (struct around){ LEVEL_SUM, true, a.in_list });
		buf_add_text(out, " in [");
		kids(s, (const struct expr *const *)e->kids + 1, e->n - 1);
		buf_add_byte(out, ']');
		break;
	case OP_AND:
	case OP_OR:
		junction(s, e, a);
		break;
	default:
		binary(s, e, a);
		break;
	}
}

void show_tree(const struct expr *e, struct buf *out, const struct expr *(*local)(void *, int), void *self)
{
	struct shower s = { .out = out, .local = local, .self = self };

	show(&s, e, alone);
}

void show_call(const struct expr_call *c, struct buf *out, const struct expr *(*local)(void *, int), void *self)
{
	struct shower s = { .out = out, .local = local, .self = self };

	call(&s, c, alone);
}

static const char *cut(struct buf *b, char out[SHOW_SHORT])
{
	size_t n = b->len;

	if (n >= SHOW_SHORT) {
		n = SHOW_SHORT - sizeof "...";
		while (n && ((unsigned char)b->data[n] & 0xc0) == 0x80)
			n--;
		memcpy(out + n, "...", sizeof "...");
	} else {
		out[n] = '\0';
	}
	if (n)
		memcpy(out, b->data, n);
	buf_release(b);
	return out;
}

const char *show_short(const struct expr *e, char out[SHOW_SHORT])
{
	struct buf b = BUF_INIT;
	struct shower s = { .out = &b, .room = SHOW_SHORT };

	show(&s, e, alone);
	return cut(&b, out);
}

const char *show_operator(const struct expr *e, char out[SHOW_SHORT])
{
	if (e->form == OP_FUNCTION)
		snprintf(out, SHOW_SHORT, "%s()", e->function->row.name);
	else if (e->form == OP_LOOK)
		snprintf(out, SHOW_SHORT, "%s", e->path.steps[0].kind == STEP_NAME ? "\".\"" : "\"[ ]\"");
	else
		snprintf(out, SHOW_SHORT, "%s", e->form < sizeof operators / sizeof *operators && operators[e->form].text ?
		    operators[e->form].text : "it");
	return out;
}

const char *show_value(struct value v, char out[SHOW_SHORT])
{
	struct buf b = BUF_INIT;

	out[0] = '\0';
	if (v.type == VALUE_HUGE) {
		snprintf(out, SHOW_SHORT, " (%.*s%s)", (int)(v.len > 20 ? 20 : v.len), v.text, v.len > 20 ? "..." : "");
	} else if (v.type >= VALUE_BOOL && v.type <= VALUE_STRING) {
		bool long_text = v.type == VALUE_STRING && v.len > 40;

		if (long_text) {
			v.len = 40;
			while (v.len && ((unsigned char)v.text[v.len] & 0xc0) == 0x80)
				v.len--;
		}
		value_show(v, &b);
		if (long_text)
			buf_add_text(&b, "...");
		/* Room for the parentheses; what is cut here is escapes. */
		if (b.len > SHOW_SHORT - 8) {
			b.len = SHOW_SHORT - 12;
			buf_add_text(&b, "...");
		}
		snprintf(out, SHOW_SHORT, " (%.*s)", SHOW_SHORT - 8, buf_text(&b));
		buf_release(&b);
	}
	return out;
}
