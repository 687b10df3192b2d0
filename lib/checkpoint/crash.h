/* SPDX-License-Identifier: MIT */
/*
 * crash.h - places at which a test build dies as by kill -9: $SML_CRASH is PLACE:N, the Nth time that it comes there.
 *
 * Only a build with -DCRASH_PLACES has them (make build CRASH=1).
 */
#ifndef CHECKPOINT_CRASH_H
#define CHECKPOINT_CRASH_H

#ifdef CRASH_PLACES
void crash_here(const char *place);
#else
static inline void crash_here(const char *place)
{
	(void)place;
}
#endif

#endif
