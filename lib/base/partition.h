/* SPDX-License-Identifier: MIT */
/*
 * partition.h - the partition of the topics that a record comes from, and its key's state is filed under (int32_t, from 0).
 *
 * Its number alone: topics that are divided alike go together.
 */
#ifndef BASE_PARTITION_H
#define BASE_PARTITION_H

#define PARTITION_NONE (-1)	/* not told: the stream is not divided */

#endif
