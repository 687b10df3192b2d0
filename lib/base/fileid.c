/* SPDX-License-Identifier: MIT */
#include "base/fileid.h"

#include <errno.h>
#include <string.h>

int fileid_get(struct fileid *id, const char *path, struct error *why)
{
	struct stat st;

	if (stat(path, &st)) {
		const int failed = errno;
		error_set(why, "%s: %s", path, strerror(failed));
		errno = failed;
		return -1;
	}
	*id = (struct fileid){ st.st_dev, st.st_ino, st.st_size, st.st_mtim };
	return 0;
}

bool fileid_equal(const struct fileid *a, const struct fileid *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	    a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}
