/* SPDX-License-Identifier: MIT */
#include "feature/timeline.h"

#include <string.h>

#include "feature/timeline-node.h"

#define FIRST_ROOM 2			/* of a leaf that is the root; doubled up to FAN */
#define HEIGHT_MAX 15			/* no tree of 2^32 entries is higher, however it came about */

static struct timeline_node *new_leaf(const struct timeline_kind *k, size_t room, struct pool *pool)
{
	struct timeline_node *leaf = pool_get(pool, leaf_bytes(k, room));

	leaf->n = 0;
	leaf->room = (uint16_t)room;
	return leaf;
}

static struct timeline_node *new_branch(const struct timeline_kind *k, struct pool *pool)
{
	struct timeline_node *branch = pool_get(pool, branch_bytes(k));

	branch->n = 0;
	branch->room = FAN;
	return branch;
}

static inline void append(const struct timeline_kind *k, struct timeline_node *leaf, int64_t time, const void *entry)
{
	leaf->times[leaf->n] = time;
	copy_entry(k, entry_at(k, leaf, leaf->n), entry);
	leaf->n++;
}

/* Room for one more at place i. */
static void open_leaf(const struct timeline_kind *k, struct timeline_node *leaf, size_t i)
{
	memmove(leaf->times + i + 1, leaf->times + i, (leaf->n - i) * sizeof *leaf->times);
	if (k->entry)
		memmove(entry_at(k, leaf, i + 1), entry_at(k, leaf, i), (leaf->n - i) * k->entry);
	leaf->n++;
}

static void copy_branch(const struct timeline_kind *k, struct timeline_node *to, size_t at, struct timeline_node *from, size_t i, size_t n)
{
	memmove(to->times + at, from->times + i, n * sizeof *to->times);
	memmove(child_at(to, at), child_at(from, i), n * sizeof(void *));
	if (k->partial)
		memmove(partial_at(k, to, at), partial_at(k, from, i), n * k->partial);
}

/* ---- partials ---- */

/* Child i of a branch, made again from what is below it.  The newest path has none. */
static void sum_child(const struct timeline_kind *k, struct timeline_node *branch, unsigned height, size_t i)
{
	struct timeline_node *child = *child_at(branch, i);
	char *partial = partial_at(k, branch, i);

	branch->times[i] = child->times[0];
	if (!k->partial)
		return;
	memset(partial, 0, k->partial);
	if (height == 1) {
		k->of->add(k->self, partial, child->times, entry_at(k, child, 0), child->n);
		return;
	}
	k->of->combine(k->self, partial, partial_at(k, child, 0), child->n);
}

/* ---- adding ---- */

/* The later half of a full node, or nothing yet where what comes is the newest of all. */
static struct timeline_node *split(const struct timeline_kind *k, struct timeline_node *node, unsigned height, bool at_end, struct pool *pool)
{
	const size_t from = at_end ? FAN : FAN / 2, n = FAN - from;
	struct timeline_node *later = height ? new_branch(k, pool) : new_leaf(k, FAN, pool);

	if (height)
		copy_branch(k, later, 0, node, from, n);
	else {
		memcpy(later->times, node->times + from, n * sizeof *later->times);
		if (k->entry)
			memcpy(entry_at(k, later, 0), entry_at(k, node, from), n * k->entry);
	}
	later->n = (uint16_t)n;
	node->n = (uint16_t)from;
	return later;
}

struct adding {
	const struct timeline_kind *kind;
	int64_t time;
	const void *entry;
	struct pool *pool;
};

static void add_to_leaf(const struct adding *a, struct timeline_node *leaf)
{
	const size_t i = rank(leaf, a->time);

	open_leaf(a->kind, leaf, i);
	leaf->times[i] = a->time;
	copy_entry(a->kind, entry_at(a->kind, leaf, i), a->entry);
}

/* Child p of a branch, which may be full: what stands behind it then. */
static struct timeline_node *add_child(const struct adding *a, struct timeline_node *node, unsigned height, size_t p,
    struct timeline_node *child, bool is_newest)
{
	const struct timeline_kind *k = a->kind;
	struct timeline_node *later = NULL, *into = node;

	if (node->n == FAN) {
		later = split(k, node, height, is_newest && p == FAN, a->pool);
		if (p > node->n || node->n == FAN) {
			into = later;
			p -= node->n;
		}
	}
	copy_branch(k, into, p + 1, into, p, into->n - p);
	into->n++;
	into->times[p] = child->times[0];
	*child_at(into, p) = child;
	if (!is_newest || p + 1u < into->n || (later && into == node))
		sum_child(k, into, height, p);
	return later;
}

/* What stands behind the node now, because it was full; NULL: nothing.  `is_newest`: no node was behind this one. */
static struct timeline_node *add_below(const struct adding *a, struct timeline_node *node, unsigned height, bool is_newest)
{
	const struct timeline_kind *k = a->kind;
	struct timeline_node *later = NULL;

	if (!height) {
		if (node->n == FAN) {
			later = split(k, node, 0, is_newest && node->times[FAN - 1] <= a->time, a->pool);
			if (!later->n || later->times[0] <= a->time)
				node = later;
		}
		add_to_leaf(a, node);
		return later;
	}
	size_t i = rank(node, a->time);
	i -= i > 0;
	const bool is_last = is_newest && i + 1u == node->n;
	struct timeline_node *fresh = add_below(a, *child_at(node, i), height - 1, is_last);
	if (is_last && !fresh)
		node->times[i] = (*child_at(node, i))->times[0];
	else
		sum_child(k, node, height, i);
	return fresh ? add_child(a, node, height, i + 1, fresh, is_newest) : NULL;
}

/* The root is a leaf that is full: a larger one in its place, or the first. */
static void widen(struct timeline *t, const struct timeline_kind *k, struct pool *pool)
{
	struct timeline_node *root = t->root, *wider = new_leaf(k, root->room * 2u, pool);

	wider->n = root->n;
	memcpy(wider->times, root->times, root->n * sizeof *root->times);
	if (k->entry)
		memcpy(entry_at(k, wider, 0), entry_at(k, root, 0), root->n * k->entry);
	pool_put(pool, root, leaf_bytes(k, root->room));
	t->root = wider;
}

/* The first entry, or the second behind or before the only one. */
static void add_first(struct timeline *t, const struct timeline_kind *k, struct pool *pool)
{
	struct timeline_node *leaf = new_leaf(k, FIRST_ROOM, pool);

	if (t->n)
		append(k, leaf, t->newest, t->only);
	t->root = leaf;
	t->fingers = NULL;
}

static void add_fingers(struct timeline *t, const struct timeline_kind *k, struct pool *pool)
{
	if (!k->partial || !t->height)
		return;
	t->fingers = memset(pool_get(pool, fingers_bytes(k)), 0, fingers_bytes(k));
	t->fingers->newest = last_leaf(t);
	t->fingers->second = INT64_MIN;
}

static void drop_fingers(struct timeline *t, const struct timeline_kind *k, struct pool *pool)
{
	if (t->fingers)
		pool_put(pool, t->fingers, fingers_bytes(k));
	t->fingers = NULL;
}

/* Something has changed that they may have looked at. */
static void lift_fingers(struct timeline *t, const struct timeline_kind *k)
{
	if (!t->fingers)
		return;
	t->fingers->second = INT64_MIN;
	for (uint32_t i = 0; i < n_ways(k); i++) {
		t->fingers->each[i].is_known = false;
		t->fingers->each[i].n_tail = 0;
	}
}

/* Behind or between others, with room to be made for it. */
static void add_inside(struct timeline *t, const struct adding *a)
{
	const struct timeline_kind *k = a->kind;

	lift_fingers(t, k);
	if (t->root->n == t->root->room && t->root->room < FAN)
		widen(t, k, a->pool);
	struct timeline_node *later = add_below(a, t->root, t->height, true);
	if (later) {
		struct timeline_node *root = new_branch(k, a->pool);
		root->n = 2;
		*child_at(root, 0) = t->root;
		*child_at(root, 1) = later;
		root->times[1] = later->times[0];
		t->root = root;
		t->height++;
		sum_child(k, root, t->height, 0);
		if (t->height == 1)
			add_fingers(t, k, a->pool);
	}
	if (t->fingers)
		t->fingers->newest = last_leaf(t);
}

static void set_only(struct timeline *t, const struct timeline_kind *k, int64_t time, const void *entry)
{
	t->n = 1;
	t->newest = time;
	copy_entry(k, t->only, entry);
}

void timeline_add(struct timeline *t, const struct timeline_kind *k, int64_t time, const void *entry, struct pool *pool)
{
	const bool is_newest = !t->n || t->newest <= time;

	if (!t->n && fits_inline(k)) {
		set_only(t, k, time, entry);
		return;
	}
	if (!has_root(t, k))
		add_first(t, k, pool);
	t->n++;
	if (is_newest)
		t->newest = time;
	/* At the end, nearly always: no partial stands on the newest leaf. */
	struct timeline_node *newest = newest_leaf(t);
	if (newest->n < newest->room && is_newest)
		append(k, newest, time, entry);
	else
		add_inside(t, &(struct adding){ k, time, entry, pool });
}

/* ---- one entry ---- */

void *timeline_find(const struct timeline *t, const struct timeline_kind *k, int64_t time)
{
	if (is_only(t, k))
		return t->newest == time ? (void *)t->only : NULL;
	struct timeline_node *node = t->n ? t->root : NULL;
	for (unsigned height = t->height; node; height--) {
		const size_t i = rank(node, time);
		if (!i)
			return NULL;
		if (!height)
			return node->times[i - 1] == time ? entry_at(k, node, i - 1) : NULL;
		node = *child_at(node, i - 1);
	}
	return NULL;
}

static void touch(const struct timeline_kind *k, struct timeline_node *node, unsigned height, int64_t time, bool is_newest)
{
	const size_t i = rank(node, time) - 1;
	const bool is_last = is_newest && i + 1 == node->n;

	if (!height)
		return;
	touch(k, *child_at(node, i), height - 1, time, is_last);
	if (!is_last)
		sum_child(k, node, height, i);
}

void timeline_touch(struct timeline *t, const struct timeline_kind *k, int64_t time)
{
	if (!k->partial || is_only(t, k) || time == t->newest)
		return;
	lift_fingers(t, k);
	touch(k, t->root, t->height, time, true);
}

const void *timeline_last(const struct timeline *t, const struct timeline_kind *k)
{
	if (is_only(t, k))
		return t->only;
	struct timeline_node *leaf = newest_leaf(t);
	return entry_at(k, leaf, leaf->n - 1u);
}

/* ---- stretches ---- */

struct stretch { int64_t after, until; };

struct runs { bool newest_first; timeline_see_run *see; void *self; };

static bool runs(const struct timeline_kind *k, struct timeline_node *node, unsigned height, struct stretch s, int64_t end, const struct runs *r)
{
	if (!height) {
		const size_t from = node->times[0] > s.after ? 0 : rank(node, s.after);
		const size_t to = node->times[node->n - 1] <= s.until ? node->n : rank(node, s.until);
		return from >= to || r->see(r->self, node->times + from, entry_at(k, node, from), to - from);
	}
	for (size_t j = 0; j < node->n; j++) {
		const size_t i = r->newest_first ? node->n - 1u - j : j;
		const int64_t first = node->times[i], last = i + 1u < node->n ? node->times[i + 1] : end;
		if (first > s.until || last <= s.after)
			continue;
		if (!runs(k, *child_at(node, i), height - 1, s, last, r))
			return false;
	}
	return true;
}

void timeline_runs(const struct timeline *t, const struct timeline_kind *k, int64_t after, int64_t until, bool newest_first,
    timeline_see_run *see, void *self)
{
	const struct runs r = { newest_first, see, self };

	if (has_root(t, k))
		runs(k, t->root, t->height, (struct stretch){ after, until }, INT64_MAX, &r);
	else if (t->n && t->newest > after && t->newest <= until)
		see(self, &t->newest, (void *)t->only, 1);
}

struct walk { bool newest_first; size_t entry; timeline_see *see; void *self; };

static bool walk(void *self, const int64_t *times, void *entries, size_t n)
{
	const struct walk *w = self;

	for (size_t j = 0; j < n; j++) {
		const size_t i = w->newest_first ? n - 1 - j : j;
		if (!w->see(w->self, times[i], (char *)entries + i * w->entry))
			return false;
	}
	return true;
}

void timeline_walk(const struct timeline *t, const struct timeline_kind *k, int64_t after, int64_t until, bool newest_first,
    timeline_see *see, void *self)
{
	struct walk w = { newest_first, k->entry, see, self };

	timeline_runs(t, k, after, until, newest_first, walk, &w);
}

/* ---- dropping ---- */

/* How many entries went. */
static uint32_t release_below(const struct timeline_kind *k, struct timeline_node *node, unsigned height, struct pool *pool)
{
	uint32_t n = height ? 0 : node->n;

	for (size_t i = 0; i < node->n; i++)
		if (height)
			n += release_below(k, *child_at(node, i), height - 1, pool);
		else if (k->of->drop)
			k->of->drop(k->self, entry_at(k, node, i), pool);
	pool_put(pool, node, height ? branch_bytes(k) : leaf_bytes(k, node->room));
	return n;
}

static uint32_t drop_below(const struct timeline_kind *k, struct timeline_node *node, unsigned height, int64_t until, bool is_newest,
    struct pool *pool)
{
	uint32_t n = 0;
	size_t gone = 0;

	while (gone + 1u < node->n && node->times[gone + 1] <= until)
		n += release_below(k, *child_at(node, gone++), height - 1, pool);
	if (gone) {
		node->n -= (uint16_t)gone;
		copy_branch(k, node, 0, node, gone, node->n);
	}
	if (height > 1 && node->times[0] <= until) {
		const bool is_last = is_newest && node->n == 1;
		const uint32_t below = drop_below(k, *child_at(node, 0), height - 1, until, is_last, pool);
		if (below && is_last)
			node->times[0] = (*child_at(node, 0))->times[0];
		else if (below)
			sum_child(k, node, height, 0);
		n += below;
	}
	return n;
}

/* The root, a leaf, loses just what may go. */
static uint32_t drop_from_leaf(const struct timeline_kind *k, struct timeline_node *leaf, int64_t until, struct pool *pool)
{
	size_t gone = 0;

	for (; gone < leaf->n && leaf->times[gone] <= until; gone++)
		if (k->of->drop)
			k->of->drop(k->self, entry_at(k, leaf, gone), pool);
	leaf->n -= (uint16_t)gone;
	if (gone) {
		memmove(leaf->times, leaf->times + gone, leaf->n * sizeof *leaf->times);
		if (k->entry)
			memmove(entry_at(k, leaf, 0), entry_at(k, leaf, gone), leaf->n * k->entry);
	}
	return (uint32_t)gone;
}

/* Of no more than one entry no leaf is kept, where that is not larger. */
static void settle(struct timeline *t, const struct timeline_kind *k, struct pool *pool)
{
	struct timeline_node *leaf = t->root;

	if (has_root(t, k))
		return;
	drop_fingers(t, k, pool);
	if (t->n)
		copy_entry(k, t->only, entry_at(k, leaf, 0));
	pool_put(pool, leaf, leaf_bytes(k, leaf->room));
}

/* When the second leaf begins, there being one. */
static int64_t find_second(const struct timeline *t)
{
	struct timeline_node *node = t->root;
	int64_t second = INT64_MAX;

	for (unsigned height = t->height; height; height--) {
		if (node->n > 1)
			second = node->times[1];
		node = *child_at(node, 0);
	}
	return second;
}

/* Whether a whole leaf may go, or of a leaf that is the root an entry. */
static inline bool can_drop(const struct timeline *t, int64_t until)
{
	struct timeline_fingers *f = t->fingers;

	if (!t->height)
		return t->root->times[0] <= until;
	if (!f)
		return find_second(t) <= until;
	if (f->second == INT64_MIN)
		f->second = find_second(t);
	return f->second <= until;
}

static void drop(struct timeline *t, const struct timeline_kind *k, int64_t until, struct pool *pool)
{
	lift_fingers(t, k);
	if (t->height)
		t->n -= drop_below(k, t->root, t->height, until, true, pool);
	while (t->height && t->root->n == 1) {
		struct timeline_node *root = t->root;
		t->root = *child_at(root, 0);
		t->height--;
		pool_put(pool, root, branch_bytes(k));
	}
	if (!t->height) {
		drop_fingers(t, k, pool);
		t->n -= drop_from_leaf(k, t->root, until, pool);
	}
	settle(t, k, pool);
}

void timeline_drop(struct timeline *t, const struct timeline_kind *k, int64_t until, struct pool *pool)
{
	if (is_only(t, k) && t->newest <= until)
		timeline_release(t, k, pool);
	else if (has_root(t, k) && can_drop(t, until))
		drop(t, k, until, pool);
}

void timeline_release(struct timeline *t, const struct timeline_kind *k, struct pool *pool)
{
	if (has_root(t, k)) {
		drop_fingers(t, k, pool);
		release_below(k, t->root, t->height, pool);
	} else if (t->n && k->of->drop)
		k->of->drop(k->self, t->only, pool);
	*t = (struct timeline){0};
}

void timeline_slide(struct timeline *t, const struct timeline_kind *k, int64_t time, const void *entry, int64_t gone, struct pool *pool)
{
	/* The window's last entry has gone: no leaf in between. */
	if (is_only(t, k) && t->newest <= gone) {
		if (k->of->drop)
			k->of->drop(k->self, t->only, pool);
		set_only(t, k, time, entry);
		return;
	}
	timeline_add(t, k, time, entry, pool);
	if (has_root(t, k) && can_drop(t, gone))
		drop(t, k, gone, pool);
}

/* ---- saved: n, height, then each node before those below it: how many it has; a leaf's times and entries ---- */

static void save_below(const struct timeline_kind *k, struct timeline_node *node, unsigned height, int64_t *time, struct buf *b)
{
	snapshot_put_varint(b, node->n);
	for (size_t i = 0; i < node->n; i++)
		if (height)
			save_below(k, *child_at(node, i), height - 1, time, b);
		else {
			/* Unsigned: from one end of time to the other. */
			snapshot_put_varint(b, (uint64_t)node->times[i] - (uint64_t)*time);
			*time = node->times[i];
			k->of->save(k->self, entry_at(k, node, i), b);
		}
}

void timeline_save(const struct timeline *t, const struct timeline_kind *k, struct buf *b)
{
	int64_t time = INT64_MIN;

	snapshot_put_varint(b, t->n);
	if (!t->n)
		return;
	snapshot_put_varint(b, t->height);
	if (!is_only(t, k)) {
		save_below(k, t->root, t->height, &time, b);
		return;
	}
	snapshot_put_varint(b, 1);
	snapshot_put_varint(b, (uint64_t)t->newest - (uint64_t)time);
	k->of->save(k->self, t->only, b);
}

struct loading { struct snapshot_bytes *in; struct pool *pool; int64_t time; uint64_t left; };

static void load_leaf(const struct timeline_kind *k, struct timeline_node *leaf, size_t n, struct loading *l)
{
	while (leaf->n < n && !l->in->torn) {
		const uint64_t step = snapshot_get_varint(l->in);
		if (step > (uint64_t)INT64_MAX - (uint64_t)l->time || !l->left) {
			l->in->torn = true;
			return;
		}
		l->left--;
		l->time = (int64_t)((uint64_t)l->time + step);
		leaf->times[leaf->n] = l->time;
		if (k->entry)
			memset(entry_at(k, leaf, leaf->n), 0, k->entry);
		k->of->load(k->self, entry_at(k, leaf, leaf->n++), l->in, l->pool);
	}
}

/* NULL: torn.  A node that is not whole is still one to release. */
static struct timeline_node *load_below(const struct timeline_kind *k, unsigned height, bool is_root, bool is_newest, struct loading *l)
{
	const uint64_t n = snapshot_get_varint(l->in);
	size_t room = FIRST_ROOM;

	if (l->in->torn || n < 1 || n > FAN) {
		l->in->torn = true;
		return NULL;
	}
	while (room < n || (!is_root && room < FAN))
		room *= 2;
	struct timeline_node *node = height ? new_branch(k, l->pool) : new_leaf(k, room, l->pool);
	if (!height) {
		load_leaf(k, node, n, l);
		return node;
	}
	while (node->n < n && !l->in->torn) {
		struct timeline_node *child = load_below(k, height - 1, false, is_newest && node->n + 1u == n, l);
		if (!child)
			break;
		*child_at(node, node->n++) = child;
		if (!l->in->torn) {
			node->times[node->n - 1] = child->times[0];
			if (!is_newest || node->n < n)
				sum_child(k, node, height, node->n - 1u);
		}
	}
	return node;
}

void timeline_load(struct timeline *t, const struct timeline_kind *k, struct snapshot_bytes *in, struct pool *pool)
{
	struct loading l = { in, pool, INT64_MIN, snapshot_get_varint(in) };
	const uint64_t n = l.left, height = n ? snapshot_get_varint(in) : 0;

	if (in->torn || n > UINT32_MAX || height > HEIGHT_MAX || (height && n < 2)) {
		in->torn = true;
		return;
	}
	if (!n)
		return;
	t->n = (uint32_t)n;
	t->height = (uint8_t)height;
	t->root = load_below(k, t->height, !height, true, &l);
	t->newest = l.time;
	if (!l.left && !in->torn) {
		settle(t, k, pool);
		if (has_root(t, k))
			add_fingers(t, k, pool);
		return;
	}
	in->torn = true;
	if (t->root)
		release_below(k, t->root, t->height, pool);
	*t = (struct timeline){0};
}

/* Below a node; the newest path has none. */
static void refresh(const struct timeline_kind *k, struct timeline_node *node, unsigned height, bool is_newest)
{
	for (size_t i = 0; i < node->n; i++) {
		const bool is_last = is_newest && i + 1u == node->n;
		if (height > 1)
			refresh(k, *child_at(node, i), height - 1, is_last);
		if (!is_last)
			sum_child(k, node, height, i);
	}
}

void timeline_refresh(struct timeline *t, const struct timeline_kind *k)
{
	if (!has_root(t, k))
		return;
	lift_fingers(t, k);
	if (t->height)
		refresh(k, t->root, t->height, true);
}

size_t timeline_bound(const struct timeline_kind *k, size_t n)
{
	size_t room = FIRST_ROOM, bytes = 0;

	while (room < n && room < FAN)
		room *= 2;
	if (n <= 1 && fits_inline(k))
		return 0;
	if (n <= FAN)
		return pool_size(leaf_bytes(k, room));
	/* One more leaf than full ones: the oldest goes whole. */
	n = (n + FAN - 1) / FAN + 1;
	bytes = n * pool_size(leaf_bytes(k, FAN)) + (k->partial ? pool_size(fingers_bytes(k)) : 0);
	while (n > 1) {
		n = (n + FAN - 1) / FAN;
		bytes += n * pool_size(branch_bytes(k));
	}
	return bytes;
}
