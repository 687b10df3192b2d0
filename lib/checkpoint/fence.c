/* SPDX-License-Identifier: MIT */
#include "checkpoint/fence.h"

#include "checkpoint/directory.h"

/* A retry cannot help. */
static int usage(int result)
{
	return result ? -2 : 0;
}

/* What was committed by a transaction stands in COMMIT, too. */
static int fence(struct transaction *t, const char *dir, const struct directory_commit *was, struct error *why)
{
	const char *name = t->at.name, *topic = t->at.topic;
	struct commit_point at;
	int result = 0;

	/* A new directory must not end a pipeline of the same name that is at work. */
	if (!was->barrier.text && (result = t->look(t, &at, why)) == 0 && at.epoch && !directory_is_prepared(dir, &at))
		return usage(error_set(why, "%s: holds no checkpoint, and group %s on kafka:%s has committed epoch %llu: another pipeline is called so "
		    "(--pipeline NAME), or its directory is another one", dir, name, topic, (unsigned long long)at.epoch));
	if (!result)
		result = t->fence(t, &at, why);
	if (result || commit_point_same(at, was->at))
		return result;
	if (!at.epoch)
		return usage(error_set(why, "%s: epoch %llu has been committed, and group %s has no offset on kafka:%s: it was deleted, or has expired "
		    "(offsets.retention.minutes)", dir, (unsigned long long)was->at.epoch, name, topic));
	result = directory_committed(dir, &at, why);
	if (result > 0)
		return usage(error_set(why, "%s: is without the checkpoint of epoch %llu (run %s), which group %s on kafka:%s has committed: it is "
		    "another directory than the one it was committed in, or an older copy", dir, (unsigned long long)at.epoch, at.run, name, topic));
	return result;
}

int fence_begin(const struct checkpoint_options *o, const char *dir, struct loop *l, const struct fence_known *known, struct transaction **out,
    struct error *why)
{
	struct fence_known k = *known;
	struct directory_commit was;
	struct arena arena = ARENA_INIT;
	int result = usage(directory_read(dir, &was, &arena, why));

	*out = NULL;
	if (!k.is_known && was.barrier.text)
		k = (struct fence_known){ k.suffix, true, was.by };
	if (!result && o->transaction)
		result = o->transaction(o->sink, l, k.suffix, k.by.topic, out, why);
	const struct transaction *t = *out;
	if (result || (!t && !k.by.name))
		;
	else if (!t)
		result = usage(error_set(why, "%s: is the checkpoint of a pipeline that writes to topics (group %s on kafka:%s), and this one does not",
		    dir, k.by.name, k.by.topic));
	else if (k.is_known && !k.by.name)
		result = usage(error_set(why, "%s: is the checkpoint of a pipeline that writes no topics, and this one does", dir));
	else if (k.by.name && strcmp(k.by.name, t->at.name))
		result = usage(error_set(why, "%s: is the checkpoint of group %s, and this pipeline is %s (--pipeline)", dir, k.by.name, t->at.name));
	else
		result = fence(*out, dir, &was, why);
	arena_release(&arena);
	return result;
}
