/* SPDX-License-Identifier: MIT */
/*
 * progress.h - the bar on a terminal, one line on SIGUSR1, the summary at the end.
 *
 * A service of the loop: reads its counters.  Shown when stderr is a terminal and the work has lasted a second;
 * NO_COLOR and TERM=dumb are obeyed; never into a file.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/command.h"

struct progress;

/* NULL where there is nothing to show. */
struct progress *progress_new(struct loop *, const struct common *);
void progress_end(struct progress *);			/* clears the bar */

/* What one stage did: the error line ("12 of 3,400 lines are error records ..."), and under -v the summary. */
void progress_summary(const struct loop *, const struct stage *, const struct common *);

/* One line of progress now (SIGUSR1). */
void progress_line(struct loop *);

#endif
