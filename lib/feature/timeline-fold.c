/* SPDX-License-Identifier: MIT */
/* What stretches of timelines come to. */
#include <string.h>

#include "feature/timeline-node.h"

/* ---- any stretch ---- */

struct folding {
	const struct timeline_kind *kind;
	int64_t after, until;
	void *partial;
};

static void fold_leaf(const struct folding *f, struct timeline_node *leaf)
{
	const struct timeline_kind *k = f->kind;
	const size_t from = rank(leaf, f->after), to = rank(leaf, f->until);

	if (from < to)
		k->of->add(k->self, f->partial, leaf->times + from, entry_at(k, leaf, from), to - from);
}

/* No time below child i is beyond this, where none below the node is beyond `end`. */
static int64_t last_time(const struct timeline_node *node, size_t i, int64_t end)
{
	return i + 1 < node->n ? node->times[i + 1] : end;
}

/* Of each branch: the child in which the stretch begins, those that it holds whole, and the one in which it ends. */
static void fold(const struct folding *f, struct timeline_node *node, unsigned height, int64_t end, bool is_newest)
{
	for (; height; height--) {
		const struct timeline_kind *k = f->kind;
		const size_t n = node->n;
		size_t i = 0, whole;
		while (i < n && last_time(node, i, end) <= f->after)
			i++;
		if (i < n && node->times[i] <= f->after) {
			fold(f, *child_at(node, i), height - 1, last_time(node, i, end), is_newest && i + 1 == n);
			i++;
		}
		for (whole = i < n && node->times[n - 1] <= f->until ? n - 1 : i; whole + is_newest < n && last_time(node, whole, end) <= f->until;)
			whole++;
		if (whole > i)
			k->of->combine(k->self, f->partial, partial_at(k, node, i) + k->at, whole - i);
		if (whole == n || node->times[whole] > f->until)
			return;
		end = last_time(node, whole, end);
		is_newest = is_newest && whole + 1 == n;
		node = *child_at(node, whole);
	}
	fold_leaf(f, node);
}

/* ---- a stretch up to the newest entry ---- */

/* The leaf in which what is after a time begins; *end: the first time behind it. */
static struct timeline_node *oldest_leaf(const struct timeline *t, int64_t after, int64_t *end)
{
	struct timeline_node *node = t->root;

	*end = INT64_MAX;
	for (unsigned height = t->height; height; height--) {
		const size_t i = rank(node, after);
		if (i < node->n)
			*end = node->times[i];
		if (!i)
			return NULL;
		node = *child_at(node, i - 1);
	}
	return node;
}

/* The leaves that begin at `end` or later, but for the newest one. */
static void fold_middle(const struct timeline_kind *k, struct timeline_finger *f, struct timeline_node *branch, unsigned height,
    bool is_newest, void *middle)
{
	const size_t i = rank(branch, f->end - 1), whole = is_newest ? branch->n - 1u : branch->n;

	if (i && height > 1)
		fold_middle(k, f, *child_at(branch, i - 1), height - 1, is_newest && i == branch->n, middle);
	if (whole > i) {
		k->of->combine(k->self, middle, partial_at(k, branch, i) + k->at, whole - i);
		f->is_any = true;
	}
	if (is_newest && i < branch->n && height > 1)
		fold_middle(k, f, *child_at(branch, whole), height - 1, true, middle);
}

/* Moves the finger to the leaf where stretches after a time begin. */
static void point(const struct timeline *t, const struct timeline_kind *k, struct timeline_finger *f, int64_t after)
{
	void *middle = finger_middle(t, k);

	f->oldest = oldest_leaf(t, after, &f->end);
	f->is_known = true;
	f->is_any = false;
	memset(middle, 0, slice_bytes(k));
	if (f->end < INT64_MAX)
		fold_middle(k, f, t->root, t->height, true, middle);
}

/* What is after a time, but for the newest leaf. */
static void fold_body(const struct timeline *t, const struct timeline_kind *k, struct timeline_finger *f, int64_t after)
{
	void *body = finger_body(t, k);

	if (!f->is_known || after >= f->end || (f->oldest && after < f->oldest->times[0]))
		point(t, k, f, after);
	f->from = f->oldest ? f->oldest->times[0] : INT64_MIN;
	f->until = f->end;
	if (f->oldest == t->fingers->newest)
		return;
	memset(body, 0, slice_bytes(k));
	if (f->oldest) {
		const size_t i = rank(f->oldest, after), n = f->oldest->n;
		if (i)
			f->from = f->oldest->times[i - 1];
		if (i < n) {
			f->until = f->oldest->times[i];
			k->of->add(k->self, body, f->oldest->times + i, entry_at(k, f->oldest, i), n - i);
		}
	}
	if (f->is_any)
		k->of->combine(k->self, body, finger_middle(t, k), 1);
}

/* All of the newest leaf but its last entry, which may still change where there is one way, then that. */
static void fold_tail(const struct timeline *t, const struct timeline_kind *k, struct timeline_finger *f, void *partial)
{
	struct timeline_node *leaf = t->fingers->newest;
	void *tail = finger_tail(t, k);
	const uint16_t last = k->ways ? leaf->n : leaf->n - 1u;

	if (!f->n_tail)
		memset(tail, 0, slice_bytes(k));
	if (f->n_tail < last)
		k->of->add(k->self, tail, leaf->times + f->n_tail, entry_at(k, leaf, f->n_tail), last - f->n_tail);
	f->n_tail = last;
	if (last)
		k->of->combine(k->self, partial, tail, 1);
	if (last < leaf->n)
		k->of->add(k->self, partial, leaf->times + last, entry_at(k, leaf, last), 1);
}

static void fold_to_newest(const struct timeline *t, const struct timeline_kind *k, int64_t after, void *partial)
{
	struct timeline_finger *f = finger_of(t, k);
	struct timeline_node *newest = t->fingers->newest;

	if (!f->is_known || after < f->from || after >= f->until)
		fold_body(t, k, f, after);
	if (f->oldest == newest) {
		const size_t i = rank(newest, after), n = newest->n;
		if (i < n)
			k->of->add(k->self, partial, newest->times + i, entry_at(k, newest, i), n - i);
		return;
	}
	memcpy(partial, finger_body(t, k), slice_bytes(k));
	fold_tail(t, k, f, partial);
}

void timeline_fold(const struct timeline *t, const struct timeline_kind *k, int64_t after, int64_t until, void *partial)
{
	if (!t->n)
		return;
	if (is_only(t, k)) {
		if (t->newest > after && t->newest <= until)
			k->of->add(k->self, partial, &t->newest, t->only, 1);
		return;
	}
	if (t->fingers && t->newest <= until)
		fold_to_newest(t, k, after, partial);
	else
		fold(&(struct folding){ k, after, until, partial }, t->root, t->height, INT64_MAX, true);
}
